"""What becomes of sessions that nobody ends: their memory, their end, and when the journal forgets them."""

from datetime import timedelta
from pathlib import Path

import pytest

from memory_core.changes import By, Quota
from memory_core.errors import NotFoundError, QuotaError
from memory_core.sessions import (
    ContextRequest,
    NewSession,
    NoteKind,
    Occasion,
    SessionEnd,
    SessionNote,
    SessionStatus,
)
from memory_core.types import ListQuery, NewMemory
from support import said
from support.desks import SESSION, Place

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TURN = SessionNote(kind=NoteKind.TURN, text=said.PORT_MOVED)


async def test_a_session_that_fell_silent_has_its_memory_after_an_hour(place: Place) -> None:
    await place.sessions.note(SESSION, TURN, by=By(client_id="laptop", key="mine"))
    await place.upkeep(59 * MINUTE)
    assert await place.kept() == 0

    await place.upkeep(2 * MINUTE)

    session = await place.sessions.get(SESSION)
    assert (session.status, session.ended_at) == (SessionStatus.OPEN, None)
    assert (session.summary or "").startswith("The API now listens on port 9000")
    assert session.memory_id is not None
    first = (await place.memories.history(session.memory_id)).revisions[0]
    assert (first.key, first.client_id, first.reason) == ("mine", "laptop", "the session fell silent")


async def test_half_a_day_later_it_is_closed_as_of_when_it_was_last_seen(place: Place) -> None:
    await place.sessions.note(SESSION, TURN)
    seen = place.clock.now

    await place.upkeep(13 * HOUR)

    session = await place.sessions.get(SESSION)
    assert (session.status, session.end_reason, session.ended_at) == (SessionStatus.ENDED, "silent", seen)
    assert session.memory_id is not None


async def test_what_is_noted_afterwards_opens_it_and_comes_into_the_same_memory(place: Place) -> None:
    await place.sessions.note(SESSION, TURN)
    await place.upkeep(13 * HOUR)
    before = await place.sessions.get(SESSION)
    again = await place.sessions.note(SESSION, SessionNote(kind=NoteKind.TURN, text=said.HELM_DONE))
    assert again.status is SessionStatus.OPEN

    await place.upkeep(2 * HOUR)

    session = await place.sessions.get(SESSION)
    assert session.memory_id == before.memory_id
    assert "The Helm chart is updated" in (session.summary or "")


async def test_upkeep_that_finds_nothing_new_changes_nothing(place: Place) -> None:
    await place.sessions.note(SESSION, TURN)
    await place.upkeep(2 * HOUR)
    session = await place.sessions.get(SESSION)

    await place.upkeep(HOUR)

    assert session.memory_id is not None
    assert (await place.memories.history(session.memory_id)).count == 1
    assert await place.sessions.get(SESSION) == session


async def test_a_memory_for_which_there_was_no_room_is_made_when_there_is(place: Place) -> None:
    full = By(client_id="laptop", key="mine", quota=Quota(max_memories=1))
    await place.memories.add(NewMemory(content="the only one that fits"), by=full)
    await place.sessions.note(SESSION, TURN, by=full)

    with pytest.raises(QuotaError):
        await place.sessions.end(SESSION, SessionEnd(), by=full)
    await place.upkeep()
    assert (await place.sessions.get(SESSION)).status is SessionStatus.ENDED
    assert (await place.sessions.get(SESSION)).memory_id is None
    (other,) = (await place.memories.list(ListQuery())).memories
    await place.memories.delete(other.id)
    await place.upkeep()

    assert (await place.sessions.get(SESSION)).memory_id is not None


async def test_notes_are_forgotten_after_a_month_and_the_memory_is_not(place: Place) -> None:
    await place.memories.add(NewMemory(content="Releases are on Fridays", project_id="shop"))
    await place.sessions.context(SESSION, ContextRequest())
    await place.sessions.note(SESSION, TURN)
    await place.sessions.end(SESSION, SessionEnd())
    assert (await place.sessions.shown(SESSION)).count == 1

    await place.upkeep(31 * DAY)

    assert (await place.sessions.shown(SESSION)).count == 0
    assert await place.service.journal(lambda book: book.notes(SESSION)) == []
    session = await place.sessions.get(SESSION)
    assert session.decisions
    await place.upkeep(370 * DAY)
    with pytest.raises(NotFoundError):
        await place.sessions.get(SESSION)
    assert session.memory_id is not None
    assert (await place.memories.get(session.memory_id)).session_id == SESSION


async def test_a_session_that_goes_on_after_its_notes_were_forgotten_keeps_what_was_decided(place: Place) -> None:
    await place.sessions.note(SESSION, TURN)
    await place.upkeep(2 * HOUR)
    await place.upkeep(40 * DAY)

    await place.sessions.note(SESSION, SessionNote(kind=NoteKind.TURN, text=said.SMALL_TALK_ONLY))
    polite = await place.sessions.end(SESSION, SessionEnd())
    assert (polite.summary or "").startswith("The API now listens on port 9000")

    await place.sessions.note(SESSION, SessionNote(kind=NoteKind.TURN, text=said.ANSWER))
    session = await place.sessions.end(SESSION, SessionEnd())

    assert [line.partition(",")[0] for line in session.decisions] == [
        "We decided to keep PORT as an override",
        "The export writes Parquet: we will use Parquet rather than CSV",
    ]


async def test_what_is_not_in_a_memory_yet_is_not_forgotten_before_it_is(place: Place) -> None:
    """A server that was off for months finds it when it starts."""
    await place.sessions.note(SESSION, TURN)

    await place.upkeep(60 * DAY)

    assert (await place.sessions.get(SESSION)).decisions


async def test_sessions_with_nothing_to_tell_go_with_the_notes(place: Place) -> None:
    await place.sessions.start(NewSession(session_id=SESSION))

    await place.upkeep(31 * DAY)

    with pytest.raises(NotFoundError):
        await place.sessions.get(SESSION)


async def test_without_sessions_upkeep_makes_no_file(place: Place, tmp_path: Path) -> None:
    await place.upkeep()

    assert not place.service.exists()


async def test_a_prompt_that_waits_for_a_session_does_not_wait_for_another(place: Place) -> None:
    async with place.service.turn(SESSION):
        context = await place.sessions.context("another", ContextRequest(occasion=Occasion.START))

    assert context.session_id == "another"
