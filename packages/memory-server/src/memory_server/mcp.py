"""The MCP endpoint: the SDK's low-level server behind /mcp, without sessions, for both eras of the protocol.

Without sessions a restart of this server goes unnoticed. A failed tool call is a result with `isError`, because a
model reads that and can mend its call; a JSON-RPC error never reaches it. Prompts and resources, which a person asks
for, have nothing else than that error.
"""

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import mcp.types as mcp_types
from mcp.server import Server, ServerRequestContext
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from sse_starlette.sse import AppStatus
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from memory_core.auditing import AuditOutcome
from memory_core.errors import ForbiddenError, InternalError, MemoryServiceError, NotFoundError
from memory_server import __version__, resources
from memory_server.access import Level, Principal
from memory_server.arguments import read_arguments
from memory_server.audit import MAX_CHARS, Auditor, actor_of, plain
from memory_server.auth import caller_of
from memory_server.decoding import read_body
from memory_server.desk import Desk
from memory_server.limits import Kind, Limits
from memory_server.mcp_messages import (
    CONTEXT,
    CONTEXT_OF_ANOTHER,
    described_prompt,
    described_tool,
    failed_result,
    no_resource,
    not_there,
    refused,
    text_result,
)
from memory_server.problems import method_not_allowed
from memory_server.prompts import PROMPTS
from memory_server.telemetry import Telling
from memory_server.templates import UNKNOWN
from memory_server.tools import INSTRUCTIONS, TOOLS, Tool

log = logging.getLogger("memory_server")

CallContext = ServerRequestContext[dict[str, Any], Request]  # Any: the SDK's lifespan state, which is not used

T = TypeVar("T")

_HOUR = CacheHint(ttl_ms=3_600_000, scope="public")
_THE_SAME_FOR_ALL: tuple[CacheableMethod, ...] = (
    "tools/list", "prompts/list", "resources/list", "resources/templates/list", "server/discover",
)  # fmt: skip


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
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._prompt,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read,
            get_tool_input_schema=schemas.get,  # else every call of the newer era lists the tools again
            cache_hints=dict.fromkeys(_THE_SAME_FOR_ALL, _HOUR),
        )
        self._listed = mcp_types.ListToolsResult(tools=[described_tool(tool) for tool in TOOLS])
        self._prompts = {prompt.name: prompt for prompt in PROMPTS}
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
            raise not_there("tool", params.name, self._tools)
        try:
            return text_result(await self._told(tool.name, self._run(tool, params.arguments or {}, context)))
        except MemoryServiceError as error:
            return failed_result(error)

    async def _list_prompts(
        self, _: CallContext, __: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListPromptsResult:
        return mcp_types.ListPromptsResult(prompts=[described_prompt(prompt) for prompt in PROMPTS])

    async def _prompt(
        self, context: CallContext, params: mcp_types.GetPromptRequestParams
    ) -> mcp_types.GetPromptResult:
        prompt = self._prompts.get(params.name)
        if prompt is None:
            raise not_there("prompt", params.name, self._prompts)

        async def asked() -> str:
            request = self._let_in(context)
            argument = prompt.argument(params.arguments or {})
            return await prompt.run(self._desk(request), argument, caller_of(request))

        try:
            text = await self._told(f"prompt_{prompt.name}", asked())
        except MemoryServiceError as error:
            raise refused(error) from error
        content = mcp_types.TextContent(type="text", text=text)
        return mcp_types.GetPromptResult(
            description=prompt.description, messages=[mcp_types.PromptMessage(role="user", content=content)]
        )

    async def _list_resources(
        self, _: CallContext, __: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListResourcesResult:
        return mcp_types.ListResourcesResult(resources=[CONTEXT])

    async def _list_templates(
        self, _: CallContext, __: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListResourceTemplatesResult:
        return mcp_types.ListResourceTemplatesResult(resource_templates=[CONTEXT_OF_ANOTHER])

    async def _read(
        self, context: CallContext, params: mcp_types.ReadResourceRequestParams
    ) -> mcp_types.ReadResourceResult:
        uri = str(params.uri)

        async def asked() -> str:
            request = self._let_in(context)
            return await resources.read(self._desk(request), uri, caller_of(request))

        try:
            text = await self._told("resource_context", asked())
        except NotFoundError as error:
            raise no_resource(error, uri, context.protocol_version) from error
        except MemoryServiceError as error:
            raise refused(error) from error
        content = mcp_types.TextResourceContents(uri=uri, mime_type=resources.MEDIA_TYPE, text=text)
        return mcp_types.ReadResourceResult(contents=[content])

    def _let_in(self, context: CallContext) -> Request:
        """Who asks for a prompt or a resource: counted, and checked, as for a tool that reads."""
        request = _request_of(context)
        self._limits.spend(Kind.READ, request.state.principal.limited_as)
        request.state.principal.require(Level.READ)
        return request

    async def _told(self, name: str, work: Awaitable[T]) -> T:
        """What `work` gives; how it ended is told. Raises MemoryServiceError and no other."""
        began, outcome = time.perf_counter(), "left"  # stays so if the caller goes away
        try:
            done = await work
        except MemoryServiceError as error:
            outcome = error.code
            raise
        except Exception as error:
            outcome = InternalError.code
            # The SDK would answer with a JSON-RPC error, which the model never sees.
            log.exception("%s failed", name)
            raise InternalError("the server failed at this; its log says why. Trying again may help") from error
        else:
            outcome = "ok"
            return done
        finally:
            self._telling.tool_called(name, outcome, time.perf_counter() - began)

    async def _run(self, tool: Tool, arguments: dict[str, Any], context: CallContext) -> str:
        request = _request_of(context)
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
        _require(request.state.principal, tool)
        given = read_arguments(arguments, tool.arguments)
        return await tool.run(self._desk(request), given, caller_of(request))


def _require(principal: Principal, tool: Tool) -> None:
    try:
        principal.require(tool.needs)
    except ForbiddenError as error:
        goes_on = "memory_search and memory_context go on working, and the user can give you another key"
        raise ForbiddenError(f"{error}; {goes_on}") from error


def _request_of(context: CallContext) -> Request:
    if context.request is None:
        raise InternalError("this was asked by another way than HTTP, so nobody knows by whom")
    return context.request


def _given(body: bytes, receive: Receive) -> Receive:
    """A `receive` that has `body` first, and then what comes after it: that the caller left."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return first.pop() if first else await receive()

    return next_message
