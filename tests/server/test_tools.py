"""What a model is told about the tools, what it costs, and how each mends a wrong call."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from memory_core.engine.telling import estimate_tokens
from memory_server.tools import INSTRUCTIONS, TOOLS
from support.apps import MakeApp, calling
from support.keys import make_key
from support.rpc import answer_of, call_tool, post, tool_text

MAX_TOKENS = 1_200


async def listed(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    response = await post(http, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    tools: list[dict[str, Any]] = answer_of(response)["result"]["tools"]
    return tools


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def empty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """One application for all calls that are refused: they leave nothing."""
    off = {"limit_reads": "off", "limit_writes": "off"}
    async with calling(tmp_path_factory.mktemp("empty"), **off) as http:
        yield http


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
    filters |= {"detail", "max_tokens"}
    assert tools == {
        "memory_add": {"content", "memory_type", "tags", "source", "project_id"} | scores | lifecycle,
        "memory_search": {"query", "memory_type", "tags", "as_of"} | filters,
        "memory_update": {"memory_id", "content", "tags", "memory_type"} | scores,
        "memory_delete": {"memory_id"},
        "memory_session": {"summary", "decisions", "open_questions", "topics", "session_id"},
        "memory_stats": {"project_id", "global_search"},
        "memory_context": {"query", "session_id", "project_id", "max_memories", "days", "max_tokens"},
    }


async def test_each_tool_is_described_the_way_every_client_understands(make_app: MakeApp) -> None:
    for tool in await listed(await make_app()):
        schema = tool["inputSchema"]
        # What is left out of them is what the protocol takes for granted.
        says = tool["annotations"]
        assert says["openWorldHint"] is False
        assert says.get("readOnlyHint") is True or isinstance(says["destructiveHint"], bool)
        assert "outputSchema" not in tool
        assert (schema["type"], schema["additionalProperties"]) == ("object", False)
        assert len(tool["description"]) < 300
        assert not {"$ref", "anyOf", "oneOf", "title", "$defs"} & set(json.dumps(schema).replace('"', " ").split())
        for parameter in schema["properties"].values():
            assert isinstance(parameter["type"], str)
            assert parameter.get("default", "something")


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
        ("memory_search", {"limit": "many"}, "limit: expected a whole number, got text"),
        ("memory_search", {"detail": "short"}, "detail is 'short'; it must be one of full, index"),
        ("memory_search", {"max_tokens": 20}, "max_tokens is 20; it goes from 100 to 20000"),
        ("memory_search", {"tags": "a,b"}, "tags: expected a list, got text"),
        ("memory_search", {"tags": [1]}, "tags: expected text, got a whole number"),
        ("memory_search", {"tags": "[broken"}, "tags: expected a list, got text"),
        ("memory_search", {"query": "x" * 5_000}, "query is 5,000 characters long; at most 4,000 fit"),
        ("memory_search", {"query": "id:0123456789"}, "no memory has the id 0123456789; memory_search finds what is"),
        ("memory_search", {"query": "id:walrus"}, "the id in query is 'walrus'; it is at least 4 hexadecimal digits,"),
        ("memory_search", {"as_of": "yesterday"}, "as_of: 'yesterday' is no moment; write a date (2026-11-23), a time"),
        ("memory_search", {"min_quality": 70}, "min_quality is 70.0; it goes from 0 to 1"),
        ("memory_search", {"project_id": "x" * 300}, "project_id is 300 characters long; at most 256 fit"),
        ("memory_add", {}, "content is missing"),
        ("memory_add", {"content": "  "}, "content is empty; a memory needs some text"),
        ("memory_add", {"content": "x" * 70_000}, "content is 70,000 bytes; at most 65,536 fit. Keep it as several me"),
        ("memory_add", {"content": "x", "certainty_score": 7}, "certainty_score is 7.0; it goes from 0 to 1"),
        ("memory_add", {"content": "x", "certainty_score": "high"}, "certainty_score: expected a number, got text"),
        ("memory_add", {"content": "x", "tags": [""]}, "a tag is empty"),
        ("memory_add", {"content": "x", "memory_type": "note"}, "memory_type is 'note'; it must be one of fact, decis"),
        ("memory_add", {"content": "x", "expires_at": "soon"}, "expires_at: 'soon' is no moment; write a date"),
        ("memory_add", {"content": "x", "expires_at": "2020-01-01"}, "expires_at is 2020-01-01 "),
        ("memory_add", {"content": "x", "supersedes": "it"}, "supersedes is 'it'; it is at least 4 hexadecimal digits"),
        ("memory_add", {"content": "x", "supersedes": "[0123456789]"}, "no memory has the id 0123456789; memory_searc"),
        ("memory_add", {"content": "x", "title": "y"}, "'title' is not a parameter; allowed: content, memory_type, ta"),
        ("memory_update", {"content": "x"}, "memory_id is missing"),
        ("memory_update", {"memory_id": "0123456789"}, "nothing to change; give one of content, tags, memory_type"),
        ("memory_update", {"memory_id": "0123456789", "content": "x"}, "no memory has the id 0123456789; memory_searc"),
        ("memory_update", {"memory_id": "0123456789", "memory_type": "x"}, "memory_type is 'x'; it must be one of fac"),
        ("memory_delete", {"memory_id": "[nonsense]"}, "memory_id is 'nonsense'; it is at least 4 hexadecimal digits"),
        ("memory_delete", {"id": "0123456789"}, "'id' is not a parameter; did you mean 'memory_id'? Allowed: memory_i"),
        ("memory_context", {"days": 0}, "days: expected a whole number >= 1"),
        ("memory_context", {"max_memories": 300}, "max_memories: expected a whole number <= 200"),
        ("memory_context", {"max_tokens": 50_000}, "max_tokens is 50000; it goes from 100 to 20000"),
        ("memory_context", {"query": "x", "days": 7}, "days goes without query; leave one of them out"),
        ("memory_context", {"session_id": "s", "days": 7}, "session_id goes with query and max_tokens alone; leave ou"),
        ("memory_session", {}, "there is nothing in it; give a summary, decisions or open_questions"),
        ("memory_session", {"topics": ["x"]}, "there is nothing in it; give a summary, decisions or open_questions"),
        ("memory_session", {"summary": "x" * 5_000}, "summary is 5,000 characters; at most 4,000 fit"),
        ("memory_session", {"decisions": ["x" * 600]}, "one of decisions is 600 characters long; at most 500 fit"),
        ("memory_session", {"open_questions": [str(n) for n in range(30)]}, "open_questions has 30; at most 20 fit"),
        ("memory_session", {"decisions": "we did"}, "decisions: expected a list, got text"),
        ("memory_session", {"summary": "x", "session_id": "nobody"}, "there is no session nobody; leave session_id "),
        ("memory_session", {"questions": ["x"]}, "'questions' is not a parameter; did you mean 'open_questions'? Allo"),
        ("memory_stats", {"by": "type"}, "'by' is not a parameter; allowed: project_id, global_search."),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_wrong_call_is_answered_with_what_mends_it(
    empty: httpx.AsyncClient, name: str, arguments: dict[str, object], sentence: str
) -> None:
    failed, text = await said(empty, name, **arguments)

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
    assert stats[1].startswith("1 memory, 0 of them with a vector, 0 in the trash; embeddings: off, 0 pending")
    assert "We deploy on Thursdays" in context[1]
    assert deleted == (False, f"Moved [{short}] to the trash. The user can bring it back.")
    assert gone[1].startswith("Nothing found.")


async def test_what_a_session_came_to_is_kept_found_and_replaced(make_app: MakeApp) -> None:
    http = await make_app()
    mine = {"X-Project-ID": "shop", "X-Client-ID": "laptop"}

    async def say(**said: object) -> str:
        result = await call_tool(http, "memory_session", said, mine)
        assert not result["isError"], result
        return tool_text(result)

    kept = await say(summary="Moved the shop to Fridays", decisions=["Deploy on Fridays"], topics=["release"])
    again = await say(summary="Moved it", decisions=["a", "b"], open_questions=["Who is on call?"])
    found = tool_text(await call_tool(http, "memory_search", {"query": "on call", "memory_type": "session"}, mine))
    (session,) = (await http.get("/sessions", headers=mine)).json()["sessions"]

    (first,) = re.findall(r"^Kept of session (\w{32}) as \[\w{8}\]: a summary, 1 decision\.$", kept)
    assert re.fullmatch(rf"Kept of session {first} as \[\w{{8}}\]: a summary, 2 decisions, 1 open question\.", again)
    assert "Who is on call?" in found
    assert "Fridays" not in found
    assert (session["summary"], session["decisions"], session["topics"]) == ("Moved it", ["a", "b"], ["release"])


async def test_where_several_sessions_are_open_the_model_is_told_which(make_app: MakeApp) -> None:
    http = await make_app()
    for number in (1, 2):
        await http.post("/sessions", json={"session_id": f"session-{number}", "title": f"Task {number}"})

    failed, text = await said(http, "memory_session", summary="Done")
    named, kept = await said(http, "memory_session", summary="Done", session_id="session-2")

    assert failed
    assert re.fullmatch(
        r"several sessions are open here: [\w-]+ \(Task \d\), [\w-]+ \(Task \d\); say which by session_id", text
    )
    assert not named
    assert kept.startswith("Kept of session session-2 as [")


async def test_a_session_is_told_the_same_only_once(make_app: MakeApp) -> None:
    http = await make_app()
    await said(http, "memory_add", content="We deploy on Fridays, only after lunch")
    question = {"query": "when do we deploy on Fridays?", "session_id": "one"}

    first = await said(http, "memory_context", **question)
    again = await said(http, "memory_context", **question)
    other = await said(http, "memory_context", **question | {"session_id": "two"})

    assert "We deploy on Fridays" in first[1]
    assert again == (False, "Nothing new bears on this.")
    assert "We deploy on Fridays" in other[1]


async def test_a_list_may_come_as_its_json(make_app: MakeApp) -> None:
    """As some models write it."""
    http = await make_app()

    await said(http, "memory_add", content="We deploy on Fridays", tags='["ops", "release"]')

    assert " #ops #release " in (await said(http, "memory_search", query="", tags='["ops"]'))[1]


async def test_times_may_be_dates_and_ages(make_app: MakeApp) -> None:
    http = await make_app()
    await said(http, "memory_add", content="We deploy on Fridays", expires_at="30d")

    (memory,) = (await http.get("/memories")).json()["memories"]
    assert memory["expires_at"] > memory["created_at"]
    for moment in ("2020-01-01", "2020-01-01T12:00:00Z", "1d"):
        assert (await said(http, "memory_search", query="deploy", as_of=moment))[1].startswith("Nothing found.")


async def test_a_beginning_that_several_ids_share_is_answered_with_the_ids(make_app: MakeApp) -> None:
    http = await make_app()
    await said(http, "memory_add", content="one")
    (memory,) = (await http.get("/memories")).json()["memories"]
    lines = [json.dumps(memory | {"id": f"abcd{number}" + "0" * 27}) for number in range(3)]
    taken = await http.post("/import", content="\n".join(lines), headers={"Content-Type": "application/jsonl"})
    assert taken.json()["imported"] == 3, taken.text

    failed, text = await said(http, "memory_delete", memory_id="abcd")

    assert failed
    assert text == "several memories begin with abcd: abcd0000, abcd1000, abcd2000; give more digits"


async def test_what_lies_in_the_trash_is_said_to_lie_there(make_app: MakeApp) -> None:
    http = await make_app()
    _, kept = await said(http, "memory_add", content="We deploy on Fridays")
    short = kept.partition("[")[2].partition("]")[0]
    await said(http, "memory_delete", memory_id=short)

    failed, text = await said(http, "memory_update", memory_id=short, content="We deploy on Thursdays")

    assert (failed, text) == (
        True,
        f"memory {short} is in the trash; restore it first; memory_search finds what is there",
    )


async def test_a_key_that_may_only_read_is_told_what_goes_on(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key="k" * 32) as http:
        key = {"X-API-Key": make_key(tmp_path, "reader", scope="read")}
        result = await call_tool(http, "memory_add", {"content": "x"}, key)

    assert result["isError"]
    assert tool_text(result) == (
        "this needs a key that may write, which yours may not; memory_search and memory_context go on working, "
        "and the user can give you another key"
    )


async def test_too_many_calls_are_told_when_the_next_one_is_possible(make_app: MakeApp) -> None:
    http = await make_app(limit_writes="1/hour")
    await said(http, "memory_add", content="one")

    failed, text = await said(http, "memory_add", content="two")

    assert failed
    assert re.fullmatch(r"rate limited, retry in \d+ s \(at most 1 per 1 hour for writes\)", text)


async def test_a_secret_is_left_out_and_the_model_is_told_what_to_do(make_app: MakeApp) -> None:
    http = await make_app()

    failed, text = await said(http, "memory_add", content="the key is ghp_" + "a1B2" * 9)

    _, session = await said(http, "memory_session", decisions=["Use ghp_" + "c3D4" * 9])

    assert not failed
    for one in (text, session):
        assert one.endswith("1 secret was left out: github-token. Keep where it is found, never itself.")


async def kept_long_ones(http: httpx.AsyncClient, count: int) -> None:
    for number in range(count):
        await said(http, "memory_add", content=f"needle {number} " + f"hay{number} " * 500)


async def test_many_long_memories_do_not_flood_a_session(make_app: MakeApp) -> None:
    http = await make_app(limit_writes="off")
    await kept_long_ones(http, 20)
    search = {"query": "needle", "search_mode": "keyword", "limit": 50}

    _, text = await said(http, "memory_search", **search)
    _, more = await said(http, "memory_search", **search, max_tokens=4_000)
    _, index = await said(http, "memory_search", **search, detail="index")

    assert estimate_tokens(text) <= 2_000
    assert 2_000 < estimate_tokens(more) <= 4_000
    assert text.endswith("14 more did not fit: ask for detail=index, narrow the search, or raise max_tokens (2,000).")
    assert len(re.findall(r"^\[\w{8}\] observation [\d-]{10} needle \d+ (hay\d+ )+\w*…$", index, re.MULTILINE)) == 20
    assert estimate_tokens(index) < 800


async def test_one_memory_in_full_keeps_to_its_budget_and_says_what_is_left(make_app: MakeApp) -> None:
    http = await make_app()
    _, kept = await said(http, "memory_add", content="hay " * 12_000 + "end of it")
    short = kept.partition("[")[2].partition("]")[0]

    _, usual = await said(http, "memory_search", query=f"id:{short}")
    _, whole = await said(http, "memory_search", query=f"id:[{short}]", max_tokens=20_000)

    assert 7_000 < estimate_tokens(usual) <= 8_000
    assert re.search(r"\n[\d,]+ more characters; raise max_tokens \(8,000, at most 20,000\)\.$", usual)
    assert "end of it\n</memories" in whole


async def test_a_context_keeps_to_its_budget_and_says_what_is_left(make_app: MakeApp) -> None:
    http = await make_app(limit_writes="off")
    await kept_long_ones(http, 20)

    _, small = await said(http, "memory_context", max_tokens=300)
    _, usual = await said(http, "memory_context")

    assert estimate_tokens(small) <= 330
    assert 330 < estimate_tokens(usual) <= 1_530
    assert re.search(r"\n\d+ more did not fit; memory_search finds them, max_tokens shows more\.$", usual)


async def test_a_context_for_a_question_has_what_bears_on_it_or_one_short_line(make_app: MakeApp) -> None:
    http = await make_app()
    await said(http, "memory_add", content="We deploy on Fridays, only after lunch")
    await said(http, "memory_add", content="The logo is blue")

    _, found = await said(http, "memory_context", query="when do we deploy on Fridays?")
    _, nothing = await said(http, "memory_context", query="the mating calls of walruses")
    failed, _ = await said(http, "memory_context", query="when do we deploy? " * 1_000)

    assert "We deploy on Fridays" in found
    assert "The logo is blue" not in found
    assert nothing == "Nothing kept bears on this."
    assert not failed, "a long prompt is cut"


async def test_counts_of_many_names_stay_short(make_app: MakeApp) -> None:
    http = await make_app(limit_writes="off")
    for number in range(30):
        await http.post("/memories", json={"content": f"note {number}", "project_id": f"p{number}"})

    _, text = await said(http, "memory_stats", global_search=True)

    assert "by project: p0 1, p1 1, p10 1" in text
    assert ", and 10 others" in text
