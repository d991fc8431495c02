"""What opens a session and what a prompt is told, in process, over REST and through the MCP tools."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from memory_core.memories import Memories
from memory_core.session_text import written
from memory_core.sessions import SessionSummary
from memory_core.types import Context, ContextQuery, Memory, MemoryPatch, MemoryType, NewMemory

needs = pytest.mark.needs
PINNED = ("ops", "pinned")


async def keep(
    memories: Memories, content: str, kind: MemoryType = MemoryType.FACT, tags: tuple[str, ...] = ()
) -> Memory:
    return (await memories.add(NewMemory(content=content, memory_type=kind, tags=tags, project_id="p"))).memory


async def opened(memories: Memories, **query: object) -> Context:
    return await memories.context(msgspec.convert({"project_id": "p", **query}, ContextQuery))


def told(context: Context) -> list[tuple[str, str]]:
    """By section."""
    both = zip(context.chosen, context.memories, strict=True)
    return [(chosen.section, memory.content) for chosen, memory in both]


def session(summary: str, *, asked: Sequence[str] = (), decisions: Sequence[str] = ()) -> str:
    return written(SessionSummary(summary=summary, decisions=tuple(decisions), open_questions=tuple(asked)))


async def test_a_session_opens_with_what_is_pinned_then_where_the_last_one_ended(memories: Memories) -> None:
    await keep(memories, session("Began the parser.", asked=["Who owns the cache?"]), MemoryType.SESSION)
    await keep(memories, session("Finished the parser.", asked=["Which port?"]), MemoryType.SESSION)
    for kind in (MemoryType.OBSERVATION, MemoryType.FACT, MemoryType.PREFERENCE, MemoryType.DECISION):
        await keep(memories, f"something of the kind {kind}", kind)
    await keep(memories, "never push on Friday", MemoryType.OBSERVATION, PINNED)

    lines = (await opened(memories)).summary.splitlines()[2:-1]

    assert [line.partition(" (")[0] for line in lines] == [
        "Pinned:",
        "- never push on Friday",
        "Last session:",
        "- Finished the parser.",
        "Decisions:",
        "- something of the kind decision",
        "Preferences:",
        "- something of the kind preference",
        "Facts:",
        "- something of the kind fact",
        "Open questions:",
        "- Which port?",
        "- Who owns the cache?",
        "Recent:",
        "- something of the kind observation",
        "- Began the parser.",
    ]


@needs("get")
async def test_a_context_says_of_each_memory_why_it_is_there(memories: Memories) -> None:
    pinned = await keep(memories, "never push on Friday", tags=PINNED)
    fact = await keep(memories, "the port is 8420")

    context = await opened(memories)

    assert [(each.memory_id, each.section, each.why) for each in context.chosen] == [
        (pinned.id, "Pinned", "pinned"),
        (fact.id, "Facts", "a fact, changed today"),
    ]
    assert all(5 < each.tokens < 20 for each in context.chosen)


async def test_a_question_that_was_answered_since_is_asked_no_more(memories: Memories) -> None:
    await keep(memories, session("Read it.", asked=["Who owns the cache?", "Which port is it?"]), MemoryType.SESSION)
    await keep(memories, "Which port is it? 8420.")
    assert "- Who owns the cache?" in (await opened(memories)).summary
    await keep(memories, session("Asked.", decisions=["Who owns the cache? Ana."]), MemoryType.SESSION)

    assert "Open questions" not in (await opened(memories)).summary


@needs("get")
async def test_many_decisions_starve_nothing(memories: Memories) -> None:
    await keep(memories, session("Worked.", asked=["Who owns the cache?"]), MemoryType.SESSION)
    await keep(memories, "tabs, not spaces", MemoryType.PREFERENCE)
    await keep(memories, "never push on Friday", tags=PINNED)
    for number in range(90):
        await keep(memories, f"decision number {number}: {chr(97 + number % 26) * 3}", MemoryType.DECISION)

    context = await opened(memories, max_tokens=300, max_memories=8)

    assert {section for section, _ in told(context)} == {"Pinned", "Last session", "Decisions", "Preferences"}
    assert "Open questions:\n- Who owns the cache?" in context.summary
    assert "decision number 89" in context.summary
    assert len(context.memories) + context.omitted == 93


@needs("settle")
async def test_what_was_superseded_expired_or_deleted_opens_no_session(memories: Memories) -> None:
    old = await keep(memories, "the port is 8000")
    gone = await keep(memories, "Redis listens on 6379", tags=PINNED)
    over = await keep(memories, "the tunnel is down", MemoryType.DECISION)
    await memories.add(NewMemory(content="the port is 8420", project_id="p", supersedes=old.id))
    await memories.delete(gone.id)
    await memories.update(over.id, MemoryPatch(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))

    assert told(await opened(memories)) == [("Recent", "the port is 8420")]
    for prompt in ("on which port does Redis listen?", "is the tunnel down?"):
        assert not (await opened(memories, query=prompt)).has_context


@needs("get")
async def test_what_says_nearly_the_same_opens_a_session_once(memories: Memories) -> None:
    await keep(memories, "We deploy on Fridays, only after lunch")
    newer = await keep(memories, "We deploy on Fridays only after lunch!", MemoryType.DECISION)

    assert [memory.id for memory in (await opened(memories)).memories] == [newer.id]


@needs("get")
async def test_what_was_told_before_is_not_told_again(memories: Memories) -> None:
    before = await keep(memories, "the staging database is PostgreSQL")
    twin = await keep(memories, "The staging database is PostgreSQL!", MemoryType.DECISION)
    other = await keep(memories, "the staging database has a PostgreSQL replica")
    prompt = "is the staging database PostgreSQL?"

    assert len((await opened(memories, query=prompt)).memories) == 2
    for query in ({}, {"query": prompt}):
        context = await opened(memories, exclude=[before.id, "f" * 32], **query)
        assert [memory.id for memory in context.memories] == [other.id], "nor what says the same"
    assert not (await opened(memories, exclude=[before.id, twin.id, other.id])).has_context


@needs("get")
async def test_only_what_has_changed_since_is_told(memories: Memories) -> None:
    await keep(memories, "the staging cache is fast")
    changed = await keep(memories, "the staging cache is Redis")
    since = datetime.now(UTC)
    await memories.update(changed.id, MemoryPatch(content="the staging cache is Valkey"))
    prompt = "is the staging cache Valkey or fast?"

    for query in ({}, {"query": prompt}):
        context = await opened(memories, changed_after=since, **query)
        assert [memory.id for memory in context.memories] == [changed.id]
        assert not (await opened(memories, changed_after=since + timedelta(hours=1), **query)).has_context


@needs("get")
async def test_a_prompt_is_told_what_is_relevant_and_why(memories: Memories) -> None:
    kept = await keep(memories, "We deploy on Fridays, only after lunch", MemoryType.DECISION)
    await keep(memories, "the staging cache is Redis")

    context = await opened(memories, query="Can we deploy the shop on Friday?")

    assert [memory.id for memory in context.memories] == [kept.id]
    assert context.chosen[0].section == "Relevant"
    assert context.chosen[0].why.startswith("relevant to the prompt: score ")
    assert context.chosen[0].why.endswith("words 'deploy', 'friday'")
    assert "\nRelevant:\n- We deploy on Fridays, only after lunch (" in context.summary


@needs("get")
@pytest.mark.parametrize("prompt", ["yes", "/compact", "fix the tests", "ok, continue", "commit this", "\n", "???"])
async def test_an_order_is_told_nothing(memories: Memories, prompt: str) -> None:
    await keep(memories, "run the tests, then commit; continue with the next fix")

    context = await opened(memories, query=prompt)

    assert context.has_context is (not prompt.strip()), "a blank prompt is none"


@needs("get")
async def test_a_prompt_may_hold_a_whole_log(memories: Memories) -> None:
    kept = await keep(memories, "psycopg.errors.DeadlockDetected: lock tariffs before quotes")
    log = "\n".join(f"2026-03-01T10:00:00Z INFO worker {n} took job {n * 7919}" for n in range(70))

    context = await opened(memories, query=f"{log}\npsycopg.errors.DeadlockDetected: deadlock detected")

    assert [memory.id for memory in context.memories] == [kept.id]
