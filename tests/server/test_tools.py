"""What a model is told about the tools, what it costs, and how each mends a wrong call."""

import json
from typing import Any

import httpx
import pytest

from memory_server.tools import INSTRUCTIONS, TOOLS
from support.apps import MakeApp
from support.rpc import answer_of, call_tool, post, tool_text

MAX_TOKENS = 1_200


async def listed(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    response = await post(http, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    tools: list[dict[str, Any]] = answer_of(response)["result"]["tools"]
    return tools


async def said(http: httpx.AsyncClient, name: str, **arguments: object) -> tuple[bool, str]:
    """Whether the call failed, and what the model reads."""
    result = await call_tool(http, name, arguments)
    return bool(result["isError"]), tool_text(result)


async def test_the_list_of_tools_stays_small(make_app: MakeApp) -> None:
    """Every session of every agent pays for it."""
    tools = await listed(await make_app())

    assert len(json.dumps(tools, separators=(",", ":"), ensure_ascii=False)) / 4 <= MAX_TOKENS


async def test_the_tools_are_those_of_the_documentation(make_app: MakeApp) -> None:
    tools = {tool["name"]: set(tool["inputSchema"]["properties"]) for tool in await listed(await make_app())}

    scores = {"certainty_score", "quality_score"}
    lifecycle = {"supersedes", "topic_key", "expires_at"}
    filters = {"client_id", "project_id", "global_search", "limit", "search_mode", "min_certainty", "min_quality"}
    assert tools == {
        "memory_add": {"content", "memory_type", "tags", "source", "project_id"} | scores | lifecycle,
        "memory_search": {"query", "memory_type", "tags", "as_of"} | filters,
        "memory_update": {"memory_id", "content", "tags", "memory_type"} | scores,
        "memory_delete": {"memory_id"},
        "memory_stats": {"project_id", "global_search"},
        "memory_context": {"project_id", "max_memories", "days"},
    }


async def test_each_tool_is_described_the_way_every_client_understands(make_app: MakeApp) -> None:
    for tool in await listed(await make_app()):
        schema = tool["inputSchema"]
        assert set(tool["annotations"]) == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
        assert tool["annotations"]["openWorldHint"] is False
        assert "outputSchema" not in tool
        assert (schema["type"], schema["additionalProperties"]) == ("object", False)
        assert len(tool["description"]) < 300
        assert not {"$ref", "anyOf", "oneOf", "title", "$defs"} & set(json.dumps(schema).replace('"', " ").split())
        for parameter in schema["properties"].values():
            assert isinstance(parameter["type"], str)


def test_the_instructions_are_short() -> None:
    assert len(INSTRUCTIONS) < 600


def test_only_what_reads_says_that_it_only_reads() -> None:
    assert {tool.name for tool in TOOLS if tool.read_only} == {"memory_search", "memory_context", "memory_stats"}
    assert {tool.name for tool in TOOLS if tool.destructive} == {"memory_update", "memory_delete"}


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("memory_search", {"tag": "x"}, "'tag' is not a parameter; did you mean 'tags'? Allowed: query, memory_type, "),
        ("memory_search", {"zzz": 1}, "'zzz' is not a parameter; Allowed: query"),
        ("memory_search", {"memory_type": "idea"}, "memory_type is 'idea'; it must be one of fact, decision, prefer"),
        ("memory_search", {"search_mode": "fuzzy"}, "search_mode is 'fuzzy'; it must be one of keyword, semantic, hyb"),
        ("memory_search", {"limit": 500}, "limit: expected a whole number <= 50"),
        ("memory_search", {"tags": "a,b"}, "tags: expected a list, got text"),
        ("memory_search", {"query": "id:0123456789"}, "no memory has the id 0123456789"),
        ("memory_add", {}, "content is missing"),
        ("memory_add", {"content": "  "}, "content is empty; a memory needs some text"),
        ("memory_add", {"content": "x", "certainty_score": 7}, "certainty_score: expected a number <= 1.0"),
        ("memory_add", {"content": "x", "tags": [""]}, "a tag is empty"),
        ("memory_update", {"memory_id": "0123456789"}, "nothing to change; give one of content, tags, memory_type"),
        ("memory_update", {"memory_id": "0123456789", "content": "x"}, "no memory has the id 0123456789"),
        ("memory_delete", {"memory_id": "[nonsense]"}, "memory_id is 'nonsense'; it is at least 4 hexadecimal digits"),
        ("memory_context", {"days": 0}, "days: expected a whole number >= 1"),
    ],
)
async def test_a_wrong_call_is_answered_with_what_mends_it(
    make_app: MakeApp, name: str, arguments: dict[str, object], sentence: str
) -> None:
    failed, text = await said(await make_app(), name, **arguments)

    assert failed
    assert text.lower().startswith(sentence.lower())
    assert "\n" not in text


async def test_numbers_may_come_as_text(make_app: MakeApp) -> None:
    """Some models quote everything."""
    http = await make_app()

    failed, text = await said(http, "memory_search", query="x", limit="5", global_search="true")

    assert not failed
    assert text.startswith("Nothing found. Try other words")
    assert text.endswith("\nNote: search by meaning is off on this server; this is keyword search")


async def test_null_counts_as_left_out(make_app: MakeApp) -> None:
    http = await make_app()
    headers = {"X-Project-ID": "mine"}

    kept = await call_tool(http, "memory_add", {"content": "x", "project_id": None, "tags": None}, headers)

    assert "project mine" in tool_text(kept)


async def test_a_life_of_a_memory_through_tools(make_app: MakeApp) -> None:
    http = await make_app()
    _, kept = await said(http, "memory_add", content="We deploy on Fridays", memory_type="decision", tags=["ops"])
    short = kept.partition("[")[2].partition("]")[0]

    updated = await said(http, "memory_update", memory_id=f"[{short}]", content="We deploy on Thursdays")
    found = await said(http, "memory_search", query="deploy thursdays", search_mode="keyword")
    stats = await said(http, "memory_stats")
    context = await said(http, "memory_context")
    deleted = await said(http, "memory_delete", memory_id=short)
    gone = await said(http, "memory_search", query="thursdays", search_mode="keyword")

    assert kept == f"Kept as [{short}] (decision, every project)."
    assert updated == (False, f"Updated [{short}]: content.")
    assert f"[{short}] decision " in found[1]
    assert " #ops We deploy on Thursdays" in found[1]
    assert stats[1].startswith("1 memories, 0 of them with a vector, 0 in the trash; embeddings: off, 0 pending")
    assert "We deploy on Thursdays" in context[1]
    assert deleted == (False, f"Moved [{short}] to the trash. The user can bring it back.")
    assert gone[1].startswith("Nothing found.")


async def test_a_long_memory_is_cut_and_shown_in_full_when_asked(make_app: MakeApp) -> None:
    http = await make_app()
    content = "needle " + "hay " * 2_000 + "end of it"
    _, kept = await said(http, "memory_add", content=content)
    short = kept.partition("[")[2].partition("]")[0]

    _, cut = await said(http, "memory_search", query="needle", search_mode="keyword")
    _, whole = await said(http, "memory_search", query=f"id:{short}")

    assert f"memory_search with query id:{short} shows all" in cut
    assert len(cut) < 1_600
    assert content in whole


async def test_many_long_memories_do_not_flood_a_session(make_app: MakeApp) -> None:
    http = await make_app(limit_writes="off")
    for number in range(20):
        await said(http, "memory_add", content=f"needle {number} " + "hay " * 1_000)

    _, text = await said(http, "memory_search", query="needle", search_mode="keyword", limit=50)

    assert len(text) < 10_000
    assert "more did not fit; narrow the search or lower the limit" in text
