"""Sessions as a tool of the server has them: the one that is meant without a name, and words of its agent."""

from datetime import timedelta

import pytest

from memory_core.changes import By, UndoRequest
from memory_core.errors import InvalidError, NotFoundError
from memory_core.projects import ProjectMerge
from memory_core.sessions import (
    MAX_NOTE_CHARS,
    Author,
    ContextRequest,
    NewSession,
    NoteKind,
    Occasion,
    SessionEnd,
    SessionNote,
    SessionQuery,
    SessionSummary,
)
from memory_core.types import MemoryPatch, NewMemory
from memory_server.sessions.journal import MAX_NOTES
from support import said
from support.desks import SESSION, Place

PORTS = SessionSummary(summary="About ports", decisions=("port 9000",), topics=("port",))


async def test_without_a_name_the_one_open_session_of_the_machine_and_project_is_meant(place: Place) -> None:
    await place.sessions.start(NewSession(session_id=SESSION))
    await place.calling("desk").start(NewSession(session_id="of the desk"))
    await place.calling("laptop", "garden").start(NewSession(session_id="of the garden"))

    summarised = await place.sessions.summarise(None, PORTS)

    assert (summarised.session_id, summarised.summary, summarised.written_by) == (SESSION, "About ports", Author.AGENT)


async def test_where_none_is_open_one_begins(place: Place) -> None:
    await place.sessions.start(NewSession(session_id=SESSION))
    await place.sessions.end(SESSION, SessionEnd())

    summarised = await place.sessions.summarise(None, PORTS)

    assert summarised.session_id != SESSION
    assert (summarised.project_id, summarised.client_id, summarised.decisions) == ("shop", "laptop", ("port 9000",))


async def test_where_several_are_open_they_are_named(place: Place) -> None:
    await place.sessions.start(NewSession(session_id=SESSION, title="Move the API"))
    await place.sessions.start(NewSession(session_id="99998888-7777"))

    with pytest.raises(InvalidError, match=r"several sessions are open here: 99998888 \(no title\), 11112222 \(Move"):
        await place.sessions.summarise(None, PORTS)


async def test_an_empty_summary_is_refused_before_anything_begins(place: Place) -> None:
    with pytest.raises(InvalidError, match="give a summary, decisions or open_questions"):
        await place.sessions.summarise(None, SessionSummary(topics=("port",)))
    assert (await place.sessions.list(SessionQuery())).count == 0


async def test_words_of_the_agent_go_before_an_extract_and_are_brought_up_to_date(place: Place) -> None:
    await place.sessions.note(SESSION, SessionNote(kind=NoteKind.COMPACTION, text=said.COMPACTED))

    first = await place.sessions.summarise(SESSION, PORTS)
    second = await place.sessions.summarise("1111", SessionSummary(summary="About ports, and hosts", topics=("host",)))

    assert first.memory_id == second.memory_id
    assert (second.summary, second.decisions) == ("About ports, and hosts", ())
    assert second.topics[:2] == ("host", "port")


async def test_a_summary_can_be_taken_back(place: Place) -> None:
    kept = await place.sessions.summarise(None, PORTS)

    await place.memories.undo(UndoRequest(memory_id=kept.memory_id))

    assert (await place.sessions.get(kept.session_id)).summary is None


async def test_of_a_long_session_the_latest_notes_are_kept(place: Place) -> None:
    for number in range(MAX_NOTES + 5):
        await place.sessions.note(SESSION, SessionNote(kind=NoteKind.TURN, text=f"turn {number}"))
        place.clock.now += timedelta(seconds=1)

    notes = await place.service.journal(lambda book: book.notes(SESSION))

    assert [note.text for note in notes] == [f"turn {number}" for number in range(5, MAX_NOTES + 5)]


async def test_a_note_as_long_as_may_be_is_kept_whole(place: Place) -> None:
    text = "x" * MAX_NOTE_CHARS

    await place.sessions.note(SESSION, SessionNote(kind=NoteKind.TURN, text=text))

    (note,) = await place.service.journal(lambda book: book.notes(SESSION))
    assert note.text == text


async def test_a_note_that_was_late_still_comes_into_the_memory(place: Place) -> None:
    """A laptop without a network sends in the evening what was said at noon, after the session was resumed at home."""
    await place.sessions.note(SESSION, SessionNote(kind=NoteKind.TURN, text=said.HELM_DONE))
    await place.sessions.end(SESSION, SessionEnd())
    place.clock.now += timedelta(hours=1)

    late = By(client_id="laptop", ago_s=7_200)
    await place.sessions.note(SESSION, SessionNote(kind=NoteKind.TURN, text=said.PORT_MOVED), by=late)
    session = await place.sessions.end(SESSION, SessionEnd(), by=late)

    assert any(line.startswith("We decided to keep PORT") for line in session.decisions)
    assert session.ended_at == place.clock.now - timedelta(hours=1), "the end it had"


async def test_a_session_goes_with_its_project_when_that_is_renamed(place: Place) -> None:
    await place.sessions.note(SESSION, SessionNote(kind=NoteKind.TURN, text=said.PORT_MOVED))
    await place.memories.merge_projects(ProjectMerge(source="shop", target="store", dry_run=False))

    ended = await place.calling("laptop", "store").end(SESSION, SessionEnd())

    assert ended.project_id == "store"
    assert (await place.calling("laptop", "store").list(SessionQuery())).count == 1
    assert ended.memory_id is not None
    assert (await place.memories.get(ended.memory_id)).project_id == "store"


async def test_what_changed_since_a_session_was_told_last_is_news(place: Place) -> None:
    async def resumed() -> bool:
        place.clock.now += timedelta(seconds=1)
        return bool((await place.sessions.context(SESSION, ContextRequest(occasion=Occasion.RESUME))).text)

    assert not await resumed()
    kept = await place.memories.add(NewMemory(content="The API listens on port 8000", project_id="shop"))
    assert [await resumed(), await resumed()] == [True, False]

    await place.memories.update(kept.id, MemoryPatch(content="The API listens on port 9000"))
    assert [await resumed(), await resumed()] == [True, False]


@pytest.mark.parametrize("session_id", ["", " ", "x" * 201, " padded", "two\nlines", "\x1b[31m"])
async def test_what_is_no_id_is_refused(place: Place, session_id: str) -> None:
    with pytest.raises(InvalidError, match="session_id is one line of 1 to 200 characters"):
        await place.sessions.context(session_id, ContextRequest())
    with pytest.raises((InvalidError, NotFoundError)):
        await place.sessions.get(session_id)
