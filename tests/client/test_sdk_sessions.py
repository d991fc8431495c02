"""Sessions through the SDK, against a real server."""

from collections.abc import AsyncIterator, Iterator

import pytest

from memory_client.sdk import MemoryClient
from memory_core.errors import InvalidError, NotFoundError, UnavailableError
from memory_core.sessions import (
    Author,
    ContextRequest,
    NewSession,
    NoteKind,
    Occasion,
    SessionEnd,
    SessionNote,
    SessionQuery,
    Sessions,
    SessionStatus,
    SessionSummary,
)
from memory_core.types import MemoryType, NewMemory
from support.servers import RunningServer, running_server
from support.sockets import free_port

KEY = "the key of these tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    off = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}
    with running_server(tmp_path_factory.mktemp("server") / "data", api_key=KEY, env=off) as running:
        yield running


@pytest.fixture
async def client(server: RunningServer, request: pytest.FixtureRequest) -> AsyncIterator[MemoryClient]:
    """In a project of its own."""
    async with MemoryClient(server.url, key=KEY, client_id="laptop", project=request.node.name) as opened:
        yield opened


async def test_a_session_from_its_beginning_to_its_end(client: MemoryClient) -> None:
    sessions: Sessions = client.sessions
    await client.add(NewMemory(content="We deploy on Fridays", memory_type=MemoryType.DECISION))

    begun = await sessions.start(NewSession(session_id="a session, its own: 1?", title="Release", agent="codex"))
    told = await sessions.context(begun.session_id, ContextRequest())
    again = await sessions.context(begun.session_id, ContextRequest(occasion=Occasion.RESUME))
    await sessions.note(begun.session_id, SessionNote(kind=NoteKind.TURN, text="We chose Fridays for the release."))
    ended = await sessions.end(begun.session_id, SessionEnd(reason="logout"))
    shown = await sessions.shown(begun.session_id)

    assert (begun.status, begun.client_id, begun.title, begun.agent) == (
        SessionStatus.OPEN, "laptop", "Release", "codex"
    )  # fmt: skip
    assert "We deploy on Fridays" in told.text
    assert again.text == ""
    assert (ended.status, ended.end_reason, ended.written_by) == (SessionStatus.ENDED, "logout", Author.EXTRACT)
    assert [(one.memory_id, one.occasion) for one in shown.shown] == [
        (one.memory_id, Occasion.START) for one in told.shown
    ]
    assert await sessions.get(begun.session_id[:10]) == ended
    assert (await sessions.list(SessionQuery())).sessions == (ended,)


async def test_without_a_name_the_one_open_session_is_meant_or_a_new_one(client: MemoryClient) -> None:
    said = SessionSummary(summary="The release is out", decisions=("Deploy on Fridays",), topics=("release",))

    new = await client.sessions.summarise(None, said)
    same = await client.sessions.summarise(None, SessionSummary(summary="The release is out, and works"))
    await client.sessions.start(NewSession(session_id="another one"))
    with pytest.raises(InvalidError, match=r"several sessions are open here: .*; say which by session_id"):
        await client.sessions.summarise(None, said)

    assert (new.decisions, new.topics, new.written_by) == (("Deploy on Fridays",), ("release",), Author.AGENT)
    assert (same.session_id, same.memory_id) == (new.session_id, new.memory_id)
    assert same.summary == "The release is out, and works"


async def test_a_forgotten_session_leaves_its_memory(client: MemoryClient) -> None:
    said = await client.sessions.summarise(None, SessionSummary(summary="Kept"))
    assert said.memory_id is not None

    gone = await client.sessions.forget(said.session_id)

    assert gone == said
    assert (await client.get(said.memory_id)).content == "Kept"
    with pytest.raises(NotFoundError, match="there is no session"):
        await client.sessions.get(said.session_id)


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", "."])
async def test_what_can_be_no_part_of_an_address_is_refused_here(client: MemoryClient, name: str) -> None:
    with pytest.raises(InvalidError, match="is no id of a session"):
        await client.sessions.get(name)


async def test_a_server_that_is_away_is_said() -> None:
    async with MemoryClient(f"http://127.0.0.1:{free_port()}", key=KEY) as away:
        with pytest.raises(UnavailableError, match="cannot reach"):
            await away.sessions.end("a session", SessionEnd())
