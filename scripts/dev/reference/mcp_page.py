"""docs/reference/mcp.md: what a client is told of tools, prompts, resources, and what a model is told of them all."""

from typing import Any

from memory_server import arguments, mcp_messages, resources
from memory_server.field_notes import note
from memory_server.prompts import PROMPTS
from memory_server.tools import INSTRUCTIONS, TOOLS, Tool
from scripts.dev.reference import markdown as md
from scripts.dev.reference import schemas
from scripts.dev.reference.structures import meaning

_ABOUT = """\
The server is at `/mcp` (streamable HTTP, without sessions), and on standard input and output by `memory-client`.
[What an agent sees](../mcp.md) explains it, with examples: how long answers are, how a refusal reads, what a line of a result holds.
Values and limits that are not here are those of [REST](rest.md), whose verbs these are."""

_ARGUMENTS = """\
Arguments that are not named here are refused.
Numbers may come as text, lists as their JSON, and null counts as left out: models write so.
Of an id its first four characters are enough, or more where several begin alike; brackets around it do no harm."""

_MORE = {
    "as_of": "What was known then: a date, a time, or a span ago such as 7d.",
    "detail": "In full, or as an index: a short line a memory.",
    "expires_at": "When it leaves search and goes to the trash: a date, a time, or a span from now such as 7d.",
    "max_memories": "At most so many memories.",
    "max_tokens": f"At most so many tokens of text, {arguments.LEAST_TOKENS} to {arguments.MOST_TOKENS:,}.",
    "project_id": 'Which project; "" stands for no project. Left out: the one that the caller works in.',
    "memory_id": "The id of a memory, or its unique beginning.",
    "supersedes": "The id of a memory that it takes the place of.",
    "memory_search.query": "What to find; what stands in double quotes, word for word; `id:` and an id: that one in full.",
    "memory_context.query": "Only what bears on this, such as a prompt.",
    "memory_context.session_id": "Only what this session was not told before; it is written down as told.",
    "memory_session.session_id": "Which session. Left out: the one that is open here, else a new one.",
}
"""What these arguments are, where they are not what REST takes."""


def page() -> str:
    return md.page(
        "MCP reference",
        _ABOUT,
        md.section("Instructions", "What a model is told of the server as a whole:", f"> {INSTRUCTIONS}"),
        md.section("Tools", _overview(), _ARGUMENTS, *map(_tool, TOOLS)),
        md.section(
            "Prompts", "A person picks them by name. They need a key that may read, and count as reads.", _prompts()
        ),
        md.section(
            "Resources", "They need a key that may read, and count as reads ([Limits](../limits.md)).", _resources()
        ),
    )


def _overview() -> str:
    rows = [
        (
            md.link(tool.name, tool.name),
            tool.needs.name.lower(),
            tool.kind.name.lower(),
            _hints(tool),
            "yes" if tool.audited else "",
        )
        for tool in TOOLS
    ]
    return md.table(("tool", "needs a key that may", "counts as a", "hints", "in the audit log"), rows)


def _hints(tool: Tool) -> str:
    """As a client gets them."""
    told = mcp_messages.described_tool(tool).model_dump(by_alias=True, exclude_none=True)
    hints = [f"`{name}: {str(value).lower()}`" for name, value in told["annotations"].items()]
    return ", ".join([*hints, *(f"`{name}`" for name in told.get("_meta", {}))])


def _tool(tool: Tool) -> str:
    told = tool.input_schema()
    required = told.get("required", ())
    rows = [
        (
            md.code(name),
            schemas.kind(schema),
            "required" if name in required else schemas.default(schema),
            md.plain(_what(tool, name, schema)),
            md.plain(schema.get("description", "")),
        )
        for name, schema in told["properties"].items()
    ]
    head = ("argument", "type", "default", "what it is", "what the model is told of it")
    return md.section(tool.name, f"> {tool.description}", md.table(head, rows), level=3)


def _what(tool: Tool, name: str, schema: dict[str, Any]) -> str:
    if own := _MORE.get(f"{tool.name}.{name}") or _MORE.get(name):
        return own
    described = note(name, filters=tool.read_only)
    return meaning({**described, **schema, "description": described["description"]})


def _prompts() -> str:
    rows = [(md.code(one.name), one.description, md.code(one.takes), one.takes_what) for one in PROMPTS]
    return md.table(("prompt", "what it is for", "argument", "which is"), rows)


def _resources() -> str:
    one, other = mcp_messages.CONTEXT, mcp_messages.CONTEXT_OF_ANOTHER
    rows = [
        (md.code(one.uri), one.title or "", one.description or ""),
        (md.code(other.uri_template), other.title or "", other.description or ""),
    ]
    return md.table(("address", "title", f"what it is, as {resources.MEDIA_TYPE}"), rows)
