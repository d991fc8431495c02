"""What every implementation of `Memories` does, in process, over REST and through the MCP tools.

A test calls add, search, update, delete, stats and context freely; it names any other verb with `needs`.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from memory_core.errors import ConflictError, InvalidError, NotFoundError
from memory_core.memories import Memories
from memory_core.types import (
    ContextQuery,
    EmbeddingState,
    EmbeddingStatus,
    Health,
    ListQuery,
    Memory,
    MemoryPatch,
    MemoryType,
    ModelChoice,
    ModelUse,
    NewMemory,
    PurgeQuery,
    Scope,
    SearchMode,
    SearchQuery,
    TagsMatch,
)

needs = pytest.mark.needs
EVERYWHERE = Scope(global_search=True)


def contents(memories: Iterable[Memory]) -> list[str]:
    return [memory.content for memory in memories]


async def found(memories: Memories, query: str, **more: object) -> list[str]:
    asked = msgspec.convert({"query": query, "search_mode": "keyword", **more}, SearchQuery)
    return contents((await memories.search(asked)).results)


async def listed(memories: Memories, **query: object) -> list[str]:
    return contents((await memories.list(msgspec.convert(query, ListQuery))).memories)


async def keep_one_of_each(memories: Memories) -> None:
    """Four memories that differ in every field that a scope can filter by."""
    for new in (
        NewMemory(content="alpha cache one", memory_type=MemoryType.FACT, tags=("a", "b"), project_id="p"),
        NewMemory(content="alpha cache two", memory_type=MemoryType.DECISION, tags=("b",), project_id="p"),
        NewMemory(content="alpha cache three", tags=("c",), project_id="q", certainty_score=0.2, quality_score=0.9),
        NewMemory(content="alpha cache four", project_id=None, certainty_score=0.9, quality_score=0.1),
    ):
        await memories.add(new)


# ── Keeping ──


async def test_a_memory_that_was_added_is_found_by_its_words(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="The staging database is PostgreSQL 16"))

    result = await memories.search(SearchQuery(query="staging databases", search_mode=SearchMode.KEYWORD))

    assert contents(result.results) == ["The staging database is PostgreSQL 16"]
    assert result.count == 1
    assert result.results[0].id.startswith(kept.id[:8])


@needs("get")
async def test_a_memory_comes_back_with_every_field_it_was_given(memories: Memories) -> None:
    new = NewMemory(
        content="  Zeilen\n\tbleiben, wie sie sind: 日本語 😀  ",
        memory_type=MemoryType.DECISION,
        tags=("eins", "zwei,drei"),
        source="code review",
        project_id="github.com/acme/shop",
        client_id="laptop",
        session_id="s-1",
        certainty_score=0.25,
        quality_score=1.0,
    )
    kept = await memories.add(new)

    same = await memories.get(kept.id)

    assert same == kept.memory
    assert all(getattr(same, name) == getattr(new, name) for name in new.__struct_fields__ if name != "supersedes")
    assert same.created_at == same.updated_at
    assert same.created_at.tzinfo is not None
    assert datetime.now(UTC) - same.created_at < timedelta(minutes=5)


@needs("get")
async def test_what_is_left_out_has_the_documented_defaults(memories: Memories) -> None:
    kept = await memories.get((await memories.add(NewMemory(content="plain"))).id)

    assert (kept.memory_type, kept.tags, kept.project_id) == (MemoryType.OBSERVATION, (), None)
    assert (kept.certainty_score, kept.quality_score, kept.deleted_at) == (0.7, 0.7, None)


@needs("get")
async def test_twenty_writers_at_once_lose_nothing(memories: Memories) -> None:
    kept = await asyncio.gather(*(memories.add(NewMemory(content=f"note {i}")) for i in range(20)))

    assert len({memory.id for memory in kept}) == 20
    assert (await memories.stats(EVERYWHERE)).total_memories == 20


@needs("get")
async def test_content_of_the_greatest_size_is_kept(memories: Memories) -> None:
    content = "word " * (64 * 1024 // 5)

    kept = await memories.add(NewMemory(content=content))

    assert (await memories.get(kept.id)).content == content


# ── Ids ──


@needs("get")
async def test_any_beginning_of_four_characters_names_a_memory(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="named by its beginning"))

    assert (await memories.get(kept.id[:4])).id == kept.id
    assert (await memories.get(kept.id[:12].upper())).id == kept.id


async def test_an_id_that_nobody_has_is_not_found(memories: Memories) -> None:
    with pytest.raises(NotFoundError, match="0123456789ab"):
        await memories.delete("0123456789ab")


async def test_what_cannot_be_an_id_is_refused(memories: Memories) -> None:
    for bad in ("abc", "not-hex!", "..%2f..%2fetc"):
        with pytest.raises((InvalidError, NotFoundError)):
            await memories.update(bad, MemoryPatch(content="x"))


# ── Changing ──


@needs("get")
async def test_an_update_changes_the_named_fields_and_no_other(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="port is 8000", tags=("net",), source="wiki", project_id="p"))

    await memories.update(kept.id, MemoryPatch(content="port is 8420", certainty_score=1.0))

    changed = await memories.get(kept.id)
    assert (changed.content, changed.certainty_score) == ("port is 8420", 1.0)
    assert (changed.tags, changed.source, changed.project_id) == (("net",), "wiki", "p")
    assert changed.created_at == kept.created_at
    assert changed.updated_at > kept.updated_at


@needs("get")
async def test_an_update_can_take_a_memory_out_of_its_project(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="for everyone", project_id="p", source="wiki"))

    await memories.update(kept.id, MemoryPatch(project_id=None, source=None))

    changed = await memories.get(kept.id)
    assert (changed.project_id, changed.source) == (None, None)


@needs("get")
async def test_an_empty_patch_changes_nothing(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="as it is"))

    assert (await memories.update(kept.id, MemoryPatch())).memory == kept.memory
    assert await memories.get(kept.id) == kept.memory


async def test_changed_text_is_found_by_its_new_words_and_not_by_the_old(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="we use mercurial"))

    await memories.update(kept.id, MemoryPatch(content="we use git"))

    assert await found(memories, "mercurial") == []
    assert await found(memories, "git") == ["we use git"]


async def test_changed_tags_are_what_a_search_filters_by(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="tagged", tags=("old",)))

    await memories.update(kept.id, MemoryPatch(tags=("new",)))

    assert await found(memories, "tagged", tags=("old",)) == []
    assert await found(memories, "tagged", tags=("new",)) == ["tagged"]


# ── Trash ──


async def test_a_deleted_memory_is_found_by_no_search_and_in_no_context(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="obsolete thing"))

    await memories.delete(kept.id)

    assert await found(memories, "obsolete") == []
    assert await found(memories, "") == []
    assert not (await memories.context(ContextQuery())).has_context
    assert (await memories.stats(EVERYWHERE)).total_memories == 0


async def test_deleting_twice_says_that_it_is_gone(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="once"))
    await memories.delete(kept.id)

    with pytest.raises(NotFoundError):
        await memories.delete(kept.id)


@needs("get", "restore", "list")
async def test_a_memory_in_the_trash_is_listed_there_and_comes_back_whole(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="think again", tags=("x",)))
    deleted = await memories.delete(kept.id)
    assert deleted.deleted_at is not None
    assert contents((await memories.list(ListQuery(trashed=True))).memories) == ["think again"]
    with pytest.raises(NotFoundError, match="trash"):
        await memories.get(kept.id)

    restored = await memories.restore(kept.id)

    assert restored == replace(kept.memory, revision=3)
    assert await memories.get(kept.id) == restored
    assert (await memories.list(ListQuery(trashed=True))).memories == ()
    assert await found(memories, "think again") == ["think again"]


@needs("restore")
async def test_restoring_what_is_not_in_the_trash_changes_nothing(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="still here"))

    assert await memories.restore(kept.id) == kept.memory


async def test_a_memory_in_the_trash_cannot_be_changed(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="gone"))
    await memories.delete(kept.id)

    with pytest.raises(NotFoundError):
        await memories.update(kept.id, MemoryPatch(content="back?"))


# ── Lists ──


@needs("list")
async def test_pages_show_each_memory_once_newest_first_whatever_is_added_meanwhile(memories: Memories) -> None:
    for i in range(7):
        await memories.add(NewMemory(content=f"n{i}"))
    first = await memories.list(ListQuery(limit=3))
    await memories.add(NewMemory(content="later"))

    second = await memories.list(ListQuery(limit=3, cursor=first.next_cursor))
    third = await memories.list(ListQuery(limit=3, cursor=second.next_cursor))

    pages = [contents(page.memories) for page in (first, second, third)]
    assert pages == [["n6", "n5", "n4"], ["n3", "n2", "n1"], ["n0"]]
    assert third.next_cursor is None
    assert (first.count, third.count) == (3, 1)


@needs("list")
async def test_a_cursor_that_no_page_gave_is_refused(memories: Memories) -> None:
    with pytest.raises(InvalidError, match="cursor"):
        await memories.list(ListQuery(cursor="bm90IGEgY3Vyc29y"))


# ── Scopes ──

SCOPES: dict[str, tuple[dict[str, object], set[str]]] = {
    "everything": ({}, {"one", "two", "three", "four"}),
    "a project": ({"project_id": "p", "include_global": False}, {"one", "two"}),
    "a project and what is global": ({"project_id": "p", "include_global": True}, {"one", "two", "four"}),
    "no project": ({"project_id": None}, {"four"}),
    "every project": ({"project_id": "p", "global_search": True}, {"one", "two", "three", "four"}),
    "a type": ({"memory_type": MemoryType.DECISION}, {"two"}),
    "any tag": ({"tags": ("a", "c")}, {"one", "three"}),
    "all tags": ({"tags": ("a", "b"), "tags_match": TagsMatch.ALL}, {"one"}),
    "certainty": ({"min_certainty": 0.7}, {"one", "two", "four"}),
    "quality": ({"min_quality": 0.7}, {"one", "two", "three"}),
    "a project that has none": ({"project_id": "nobody", "include_global": False}, set()),
    "several at once": ({"project_id": "p", "include_global": False, "tags": ("b",), "memory_type": "fact"}, {"one"}),
}


FINE = {"a project", "a project that has none", "several at once", "all tags"}
"""Scopes that the MCP tools, which have few parameters, cannot name."""


async def test_a_search_sees_its_scope_and_nothing_else(memories: Memories) -> None:
    """One test for all scopes: an implementation may start a server for each test."""
    await keep_one_of_each(memories)
    cases = {case: scope for case, scope in SCOPES.items() if case not in FINE}

    seen = {case: await found(memories, "alpha cache", **fields) for case, (fields, _) in cases.items()}

    assert last_words(seen) == {case: expected for case, (_, expected) in cases.items()}


async def test_a_search_sees_a_finer_scope_and_nothing_else(memories: Memories) -> None:
    await keep_one_of_each(memories)
    cases = {case: scope for case, scope in SCOPES.items() if case in FINE}

    seen = {case: await found(memories, "alpha cache", **fields) for case, (fields, _) in cases.items()}

    assert last_words(seen) == {case: expected for case, (_, expected) in cases.items()}


@needs("list")
async def test_a_list_sees_its_scope_and_nothing_else(memories: Memories) -> None:
    await keep_one_of_each(memories)

    seen = {case: await listed(memories, **fields) for case, (fields, _) in SCOPES.items()}

    assert last_words(seen) == {case: expected for case, (_, expected) in SCOPES.items()}


def last_words(seen: dict[str, list[str]]) -> dict[str, set[str]]:
    return {case: {content.split()[-1] for content in found} for case, found in seen.items()}


@needs("list")
async def test_time_client_and_session_limit_a_list(memories: Memories) -> None:
    early = await memories.add(NewMemory(content="early", client_id="laptop", session_id="s1"))
    late = await memories.add(NewMemory(content="late", client_id="desktop"))

    assert await listed(memories, client_id="laptop") == ["early"]
    assert await listed(memories, session_id="s1") == ["early"]
    assert await listed(memories, created_after=late.created_at) == ["late"]
    assert await listed(memories, created_before=late.created_at) == ["early"]
    assert await listed(memories, created_after=early.created_at) == ["late", "early"]


# ── Search ──


async def test_the_memory_that_shares_more_and_rarer_words_comes_first(memories: Memories) -> None:
    await memories.add(NewMemory(content="The deploy of the shop runs on Mondays"))
    await memories.add(NewMemory(content="The deploy of the blog runs on Mondays; its zeppelin is blue"))
    await memories.add(NewMemory(content="Nothing of this kind"))

    assert (await found(memories, "which deploy has a zeppelin?"))[0].startswith("The deploy of the blog")


async def test_an_identifier_is_found_by_its_whole_and_by_its_parts(memories: Memories) -> None:
    await memories.add(NewMemory(content="call parseHTTPResponse in src/net/http_client.py"))
    await memories.add(NewMemory(content="an unrelated note about lunch"))

    for query in ("parseHTTPResponse", "parse response", "http_client.py", "src/net/http_client.py", "client"):
        assert len(await found(memories, query)) == 1, query


async def test_keyword_search_falls_back_to_the_exact_substring(memories: Memories) -> None:
    """Half a word, or an error string of stop words and signs, has no term in common with anything."""
    await memories.add(NewMemory(content="it failed with `E_FOOBARBAZ%_1` at once"))
    await memories.add(NewMemory(content="another note"))

    assert len(await found(memories, "oobarba")) == 1
    assert len(await found(memories, "BAZ%_1")) == 1
    assert await found(memories, "BAZ%%%") == []


async def test_chinese_words_are_found_inside_a_sentence(memories: Memories) -> None:
    await memories.add(NewMemory(content="我们决定使用数据库迁移工具"))
    await memories.add(NewMemory(content="午餐在星期五"))

    assert await found(memories, "数据库") == ["我们决定使用数据库迁移工具"]


async def test_an_empty_query_gives_the_newest(memories: Memories) -> None:
    for i in range(4):
        await memories.add(NewMemory(content=f"n{i}"))

    assert await found(memories, "", limit=3) == ["n3", "n2", "n1"]


async def test_a_search_that_finds_nothing_is_an_empty_result(memories: Memories) -> None:
    result = await memories.search(SearchQuery(query="nothing here"))

    assert (result.results, result.count) == ((), 0)


async def test_without_a_model_a_search_by_meaning_says_that_it_went_by_words(memories: Memories) -> None:
    await memories.add(NewMemory(content="the kettle is red"))

    result = await memories.search(SearchQuery(query="red kettle", search_mode=SearchMode.SEMANTIC))

    assert contents(result.results) == ["the kettle is red"]
    assert result.search_mode is SearchMode.KEYWORD
    assert "keyword" in (result.notice or "")


async def test_scores_lie_between_0_and_1_and_order_the_hits(memories: Memories) -> None:
    for content in ("red kettle", "red kettle and a blue kettle", "a red door", "green"):
        await memories.add(NewMemory(content=content))

    result = await memories.search(SearchQuery(query="red kettle", search_mode=SearchMode.KEYWORD))

    scores = [hit.score for hit in result.results]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


async def test_a_search_into_the_trash_is_refused(memories: Memories) -> None:
    with pytest.raises(InvalidError):
        await memories.search(SearchQuery(query="x", trashed=True))


async def test_a_paraphrase_that_shares_no_word_is_found_by_meaning(understanding: Memories) -> None:
    """Meaning alone must be enough: people do not remember their own wording."""
    await understanding.add(NewMemory(content="We deploy on Fridays, only after lunch"))
    await understanding.add(NewMemory(content="The office cat is called Turing"))
    await understanding.add(NewMemory(content="Invoices are sent as PDF"))
    await until_embedded(understanding)

    for mode in (SearchMode.HYBRID, SearchMode.SEMANTIC):
        result = await understanding.search(SearchQuery(query="release schedule", search_mode=mode, limit=1))
        assert contents(result.results) == ["We deploy on Fridays, only after lunch"]
        assert (result.search_mode, result.notice) == (mode, None)


async def test_a_memory_stored_a_moment_ago_is_found_by_meaning(understanding: Memories) -> None:
    await understanding.add(NewMemory(content="warm-up"))
    await until_embedded(understanding)

    await understanding.add(NewMemory(content="Our pet is a kitten"))
    result = await understanding.search(SearchQuery(query="feline animal", search_mode=SearchMode.SEMANTIC, limit=1))

    assert contents(result.results) == ["Our pet is a kitten"]


@needs("similar")
async def test_similar_memories_are_those_of_near_meaning_in_the_same_project(understanding: Memories) -> None:
    kitten = await understanding.add(NewMemory(content="Our pet is a kitten", project_id="home"))
    for content in ("The cat sleeps all day", "Invoices are sent as PDF"):
        await understanding.add(NewMemory(content=content, project_id="home"))
    await understanding.add(NewMemory(content="A cat of another house", project_id="other"))
    await until_embedded(understanding)

    result = await understanding.similar(kitten.id, limit=5)

    assert contents(result.results) == ["The cat sleeps all day", "Invoices are sent as PDF"]
    assert result.search_mode is SearchMode.SEMANTIC


async def until_embedded(memories: Memories) -> None:
    async with asyncio.timeout(60):
        while True:
            embedding = (await memories.stats(EVERYWHERE)).embedding
            if embedding.state is EmbeddingState.READY and not embedding.pending:
                return
            await asyncio.sleep(0.05)


# ── Context ──


async def test_the_context_of_a_session_begins_with_decisions_and_preferences(memories: Memories) -> None:
    await memories.add(NewMemory(content="some observation", project_id="p"))
    await memories.add(NewMemory(content="the sky is blue", memory_type=MemoryType.FACT, project_id="p"))
    await memories.add(NewMemory(content="tabs, not spaces", memory_type=MemoryType.PREFERENCE, project_id="p"))
    await memories.add(NewMemory(content="we chose DuckDB", memory_type=MemoryType.DECISION, project_id="p"))
    await memories.add(NewMemory(content="not of this project", project_id="q"))

    context = await memories.context(ContextQuery(project_id="p"))

    places = [context.summary.index(t) for t in ("chose DuckDB", "tabs, not", "sky is blue", "some observation")]
    assert places == sorted(places)
    assert "not of this project" not in context.summary
    assert context.has_context


async def test_a_context_of_nothing_is_empty_text(memories: Memories) -> None:
    context = await memories.context(ContextQuery(project_id="p"))

    assert (context.has_context, context.summary, context.memories) == (False, "", ())


@needs("get")
async def test_a_context_keeps_to_its_budget_and_says_what_it_left_out(memories: Memories) -> None:
    for i in range(10):
        await memories.add(NewMemory(content=f"note {i} " + "word " * 60))

    by_count = await memories.context(ContextQuery(max_memories=2, max_tokens=20_000))
    by_tokens = await memories.context(ContextQuery(max_tokens=300))

    assert (len(by_count.memories), by_count.omitted) == (2, 8)
    assert by_tokens.tokens <= 300
    assert len(by_tokens.memories) + by_tokens.omitted == 10


# ── Counts, purge, files ──


@needs("get")
async def test_stats_count_one_scope(memories: Memories) -> None:
    await keep_one_of_each(memories)
    kept = await memories.add(NewMemory(content="goes to the trash", project_id="p"))
    await memories.delete(kept.id)

    everything = await memories.stats(EVERYWHERE)
    project = await memories.stats(Scope(project_id="p"))

    assert (everything.total_memories, everything.in_trash) == (4, 1)
    assert everything.by_type == {"fact": 1, "decision": 1, "observation": 2}
    assert everything.by_project["p"] == 2
    assert (project.total_memories, project.by_type) == (2, {"fact": 1, "decision": 1})
    assert everything.storage_bytes > 0
    assert everything.embedding.state is EmbeddingState.OFF


@needs("purge", "list")
async def test_a_purge_shows_first_then_moves_to_the_trash_what_fits(memories: Memories) -> None:
    await keep_one_of_each(memories)
    query = PurgeQuery(project_id="p", tags=("b",), content_contains="CACHE T")

    shown = await memories.purge(query)
    assert (shown.dry_run, shown.matched, shown.purged) == (True, 1, 0)
    assert contents(shown.sample) == ["alpha cache two"]
    assert (await memories.stats(EVERYWHERE)).total_memories == 4

    done = await memories.purge(PurgeQuery(project_id="p", tags=("b",), content_contains="CACHE T", dry_run=False))
    assert (done.dry_run, done.matched, done.purged) == (False, 1, 1)
    assert contents((await memories.list(ListQuery(trashed=True))).memories) == ["alpha cache two"]


@needs("purge")
async def test_a_purge_by_age_spares_what_is_younger(memories: Memories) -> None:
    await keep_one_of_each(memories)

    assert (await memories.purge(PurgeQuery(older_than_days=1))).matched == 0
    assert (await memories.purge(PurgeQuery(older_than_days=0))).matched == 4


@needs("backfill", "health")
async def test_health_and_backfill_say_that_meaning_is_off(memories: Memories) -> None:
    health = await memories.health()
    report = await memories.backfill()

    assert health.status == "ok"
    assert health.embedding.state is EmbeddingState.OFF
    assert report.failed == 0


async def until_ready(memories: Memories) -> EmbeddingStatus:
    await until_embedded(memories)
    return (await memories.health()).embedding


async def until_degraded(memories: Memories) -> Health:
    async with asyncio.timeout(60):
        while True:
            health = await memories.health()
            if health.status == "degraded":
                return health
            await asyncio.sleep(0.05)


@needs("models", "health")
async def test_the_models_are_listed_the_one_in_use_first(choosing: Memories) -> None:
    await choosing.add(NewMemory(content="We deploy on Fridays"))
    status = await until_ready(choosing)

    listed = await choosing.models()

    current = listed.models[0]
    assert (current.use, current.embedder) == (ModelUse.CURRENT, "onnx:all-MiniLM-L6-v2")
    assert (current.name, current.dimension, current.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert (current.memories, current.folder is not None) == (1, True)
    assert sum(model.name == current.name for model in listed.models) == 1, "each model once"
    assert (listed.fixed, listed.embedding) == (False, status)


@needs("models", "use_model", "health")
async def test_search_by_meaning_is_switched_off_and_on_again(choosing: Memories) -> None:
    await choosing.add(NewMemory(content="We deploy on Fridays, only after lunch"))
    await until_ready(choosing)
    asked = SearchQuery(query="release schedule")

    status = await choosing.use_model(ModelChoice(embedder="none"))

    assert status.state is EmbeddingState.OFF
    found = await choosing.search(asked)
    assert (found.count, found.search_mode) == (0, SearchMode.KEYWORD)
    assert found.notice == "search by meaning is off on this server; this is keyword search"
    assert (await choosing.health()).status == "ok"
    listed = await choosing.models()
    assert [model.use for model in listed.models] == [ModelUse.KEPT], "its vectors are still there, for nobody"

    await choosing.use_model(ModelChoice(embedder="onnx:all-MiniLM-L6-v2"))
    await until_ready(choosing)
    found = await choosing.search(asked)
    assert (found.count, found.search_mode) == (1, SearchMode.HYBRID)
    assert (await choosing.models()).models[0].use is ModelUse.CURRENT


@needs("use_model", "health")
@pytest.mark.parametrize("embedder", ["nonsense:x", "none:x", "ONNX:x"])
async def test_what_names_no_embedder_is_refused_and_changes_nothing(choosing: Memories, embedder: str) -> None:
    with pytest.raises(InvalidError):
        await choosing.use_model(ModelChoice(embedder=embedder))

    assert (await choosing.health()).embedding.embedder == "onnx:all-MiniLM-L6-v2"


@needs("use_model", "models", "search")
async def test_a_model_that_cannot_be_loaded_is_shown_and_takes_nothing_away(choosing: Memories) -> None:
    await choosing.add(NewMemory(content="We deploy on Fridays, only after lunch"))
    await until_ready(choosing)

    await choosing.use_model(ModelChoice(embedder="onnx:nobody/has-this"))

    health = await until_degraded(choosing)
    coming = health.embedding.next
    assert coming is not None
    assert (coming.embedder, coming.state) == ("onnx:nobody/has-this", EmbeddingState.UNAVAILABLE)
    assert "nobody/has-this" in (coming.detail or "")
    assert (health.embedding.state, health.embedding.detail) == (EmbeddingState.READY, None)
    found = await choosing.search(SearchQuery(query="release schedule"))
    assert (found.count, found.search_mode, found.notice) == (1, SearchMode.HYBRID, None)
    uses = {model.embedder: model.use for model in (await choosing.models()).models}
    assert uses == {"onnx:all-MiniLM-L6-v2": ModelUse.CURRENT, "onnx:nobody/has-this": ModelUse.NEXT}

    await choosing.use_model(ModelChoice(embedder="onnx:all-MiniLM-L6-v2"))
    health = await choosing.health()
    assert (health.status, health.embedding.next) == ("ok", None)


@needs("use_model", "models")
async def test_a_model_that_the_settings_name_cannot_be_changed(memories: Memories) -> None:
    assert (await memories.models()).fixed
    with pytest.raises(ConflictError):
        await memories.use_model(ModelChoice(embedder="onnx:all-MiniLM-L6-v2"))
    assert (await memories.stats(EVERYWHERE)).embedding.state is EmbeddingState.OFF
