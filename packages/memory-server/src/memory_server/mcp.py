"""The MCP endpoint: the SDK's low-level server behind /mcp, without sessions, for both eras of the protocol.

Without sessions a restart of this server goes unnoticed. A failed tool call is a result with `isError`, because a
model reads that and can mend its call; a JSON-RPC error never reaches it.
"""

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import mcp.types as mcp_types
from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.server.caching import CacheHint
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from sse_starlette.sse import AppStatus
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from memory_core.auditing import AuditOutcome
from memory_core.errors import InternalError, MemoryServiceError
from memory_core.visible import visible
from memory_server import __version__
from memory_server.audit import MAX_CHARS, Auditor, actor_of, plain
from memory_server.auth import caller_of
from memory_server.decoding import read_body, to_struct
from memory_server.desk import Desk
from memory_server.limits import Limits
from memory_server.problems import method_not_allowed
from memory_server.telemetry import Telling
from memory_server.templates import UNKNOWN
from memory_server.tools import INSTRUCTIONS, TOOLS, Tool

log = logging.getLogger("memory_server")

CallContext = ServerRequestContext[dict[str, Any], Request]  # Any: the SDK's lifespan state, which is not used

_HOUR = CacheHint(ttl_ms=3_600_000, scope="public")


class McpEndpoint:
    """An ASGI endpoint; `running` must be entered once, around everything.

    `desk` is what a tool works with, as far as the key of a request reaches.
    """

    def __init__(
        self,
        desk: Callable[[Request], Desk],
        limits: Limits,
        telling: Telling,
        auditor: Auditor,
        *,
        max_body_bytes: int,
    ) -> None:
        # Else the SDK's streams end at a stop signal, before the answer of a call that is under way. No stream of
        # ours outlives its call, so that waiting for them is short.
        AppStatus.enable_automatic_graceful_drain = False
        self._desk = desk
        self._limits = limits
        self._telling = telling
        self._auditor = auditor
        self._tools = {tool.name: tool for tool in TOOLS}
        schemas = {tool.name: tool.input_schema() for tool in TOOLS}
        server: Server[dict[str, Any]] = Server(
            "memory",
            version=__version__,
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
            get_tool_input_schema=schemas.get,  # else every call of the newer era lists the tools again
            cache_hints={"tools/list": _HOUR, "server/discover": _HOUR},
        )
        self._listed = mcp_types.ListToolsResult(tools=[_described(tool) for tool in TOOLS])
        # Answers are plain JSON unless a call takes long: then the SDK keeps the connection alive with a stream.
        self._manager = StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=max_body_bytes)
        self._max_body_bytes = max_body_bytes

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            # The SDK would hold a GET open for ever, for messages that a server without sessions never sends.
            raise method_not_allowed(scope["method"], "POST")
        # Read here, because the SDK answers a body that is too long in plain text, and one that broke off with a 500.
        body = await read_body(Request(scope, receive), max_bytes=self._max_body_bytes)
        await self._manager.handle_request(scope, _given(body, receive), send)

    async def _list(self, _: CallContext, __: mcp_types.PaginatedRequestParams | None) -> mcp_types.ListToolsResult:
        return self._listed

    async def _call(self, context: CallContext, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            self._telling.tool_called(UNKNOWN, "no-tool", 0.0)
            names = ", ".join(self._tools)
            raise MCPError(code=mcp_types.INVALID_PARAMS, message=f"no tool {params.name[:60]!r}; there are {names}")
        began, outcome = time.perf_counter(), "left"  # stays so if the caller goes away
        try:
            text = await self._run(tool, params.arguments or {}, context)
            outcome = "ok"
            return _text(text)
        except MemoryServiceError as error:
            outcome = error.code
            return _failed(error)
        except Exception:
            outcome = InternalError.code
            # The SDK would answer with a JSON-RPC error, which the model never sees.
            log.exception("%s failed", tool.name)
            return _failed(InternalError("the server failed at this; its log says why. Trying again may help"))
        finally:
            self._telling.tool_called(tool.name, outcome, time.perf_counter() - began)

    async def _run(self, tool: Tool, arguments: dict[str, Any], context: CallContext) -> str:
        request = context.request
        if request is None:
            raise InternalError("a tool was called by another way than HTTP, so nobody knows by whom")
        self._limits.spend(tool.kind, request.state.principal.limited_as)
        if not tool.audited:
            return await self._answer(tool, arguments, request)
        named = {name: str(arguments[name])[:MAX_CHARS] for name in ("memory_id",) if name in arguments}
        action = await self._auditor.begin(tool.name, actor_of(request), plain(named), changes=True)
        try:
            text = await self._answer(tool, arguments, request)
        except BaseException as error:
            await action.fail(error)
            raise
        await action.end(AuditOutcome.DONE)
        return text

    async def _answer(self, tool: Tool, arguments: dict[str, Any], request: Request) -> str:
        request.state.principal.require(tool.needs)
        # Some models send null for what they leave out.
        given = {name: value for name, value in arguments.items() if value is not None}
        return await tool.run(self._desk(request), to_struct(given, tool.arguments), caller_of(request))


def _given(body: bytes, receive: Receive) -> Receive:
    """A `receive` that has `body` first, and then what comes after it: that the caller left."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return first.pop() if first else await receive()

    return next_message


def _described(tool: Tool) -> mcp_types.Tool:
    return mcp_types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.input_schema(),
        annotations=mcp_types.ToolAnnotations(
            read_only_hint=tool.read_only,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent,
            open_world_hint=False,
        ),
        _meta={"anthropic/alwaysLoad": True} if tool.always_load else None,
    )


def _text(text: str) -> mcp_types.CallToolResult:
    return mcp_types.CallToolResult(content=[mcp_types.TextContent(type="text", text=text)])


def _failed(error: MemoryServiceError) -> mcp_types.CallToolResult:
    """The sentence for the model; the code beside it for programs."""
    return mcp_types.CallToolResult(
        content=[mcp_types.TextContent(type="text", text=visible(str(error)))],
        is_error=True,
        _meta={"claude-memory/code": error.code},
    )
