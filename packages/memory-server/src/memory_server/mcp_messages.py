"""How tools, prompts, resources and their failures look in MCP."""

from collections.abc import Iterable

import mcp.types as mcp_types
from mcp import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from memory_core.errors import InternalError, InvalidError, MemoryServiceError, NotFoundError
from memory_core.visible import visible
from memory_server import resources
from memory_server.prompts import Prompt
from memory_server.tools import Tool

_NOT_DONE = -32000
_NO_RESOURCE_ONCE = -32002  # in the revisions before MODERN_PROTOCOL_VERSIONS


def described_tool(tool: Tool) -> mcp_types.Tool:
    return mcp_types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.input_schema(),
        annotations=_annotations(tool),
        _meta={"anthropic/alwaysLoad": True} if tool.always_load else None,
    )


def _annotations(tool: Tool) -> mcp_types.ToolAnnotations:
    """Without what the protocol takes for granted, and what means nothing of a tool that only reads."""
    if tool.read_only:
        return mcp_types.ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return mcp_types.ToolAnnotations(
        destructive_hint=tool.destructive, idempotent_hint=tool.idempotent or None, open_world_hint=False
    )


def described_prompt(prompt: Prompt) -> mcp_types.Prompt:
    argument = mcp_types.PromptArgument(name=prompt.takes, description=prompt.takes_what, required=True)
    return mcp_types.Prompt(name=prompt.name, description=prompt.description, arguments=[argument])


CONTEXT = mcp_types.Resource(
    uri=resources.CONTEXT,
    name="context",
    title="What memory has on this project",
    description="Decisions, preferences and facts of the project you work in, and those of every project",
    mime_type=resources.MEDIA_TYPE,
)
CONTEXT_OF_ANOTHER = mcp_types.ResourceTemplate(
    uri_template=resources.TEMPLATE,
    name="context of a project",
    title="What memory has on another project",
    description="`project` is its name, percent-encoded: github.com%2Facme%2Fshop",
    mime_type=resources.MEDIA_TYPE,
)


def text_result(text: str) -> mcp_types.CallToolResult:
    return mcp_types.CallToolResult(content=[mcp_types.TextContent(type="text", text=text)])


def failed_result(error: MemoryServiceError) -> mcp_types.CallToolResult:
    """The sentence for the model; the code beside it for programs."""
    return mcp_types.CallToolResult(
        content=[mcp_types.TextContent(type="text", text=visible(str(error)))],
        is_error=True,
        _meta={"claude-memory/code": error.code},
    )


def refused(error: MemoryServiceError) -> MCPError:
    """For what has no result that could tell of a failure."""
    code = mcp_types.INTERNAL_ERROR if isinstance(error, InternalError) else _NOT_DONE
    if isinstance(error, InvalidError):
        code = mcp_types.INVALID_PARAMS
    return MCPError(code=code, message=visible(str(error)), data={"code": error.code})


def no_resource(error: NotFoundError, uri: str, version: str | None) -> MCPError:
    code = mcp_types.INVALID_PARAMS if version in MODERN_PROTOCOL_VERSIONS else _NO_RESOURCE_ONCE
    return MCPError(code=code, message=visible(str(error)), data={"uri": uri})


def not_there(kind: str, name: str, names: Iterable[str]) -> MCPError:
    message = f"no {kind} {name[:60]!r}; there are {', '.join(names)}"
    return MCPError(code=mcp_types.INVALID_PARAMS, message=message)
