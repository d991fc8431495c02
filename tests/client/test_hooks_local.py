"""Hooks and the local server: the one that runs is asked; where none runs it is started, and the hook goes on."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_client import __version__, local
from memory_client.outbox import Outbox
from memory_client.transport import Transport
from support.bridges import machine, no_server_left
from support.hooked import SESSION, TEXT, event, hook, nothing_left_behind, session_server, told, until
from support.platforms import kill
from support.servers import running_server
from support.sockets import listening, says

START = event("SessionStart", source="startup")
PROMPT = event("UserPromptSubmit", prompt="When do we deploy?")
STOP = event("Stop", last_assistant_message="We decided to deploy on Fridays, only after lunch.")
END = event("SessionEnd", reason="other")
_WAIT_S = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "laptop"
    with no_server_left(home / "data"), nothing_left_behind(home / "data"):
        yield home


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    return machine(home, MEMORY_PROJECT="shop")


def running(home: Path) -> local.Endpoint:
    """The local server, once it is there: whoever has begun to start it."""
    until(lambda: local.find(str(home / "data")))
    found = local.find(str(home / "data"))
    assert found is not None
    return found


def asked(server: local.Endpoint, method: str, path: str, body: object = None) -> dict[str, object]:
    transport = Transport(server.url, headers={"X-API-Key": server.key, "X-Project-ID": "shop"})
    content = b"" if body is None else json.dumps(body).encode()
    with transport.request(method, path, body=content, headers={"Content-Type": "application/json"}) as answer:
        said = answer.read()
        assert answer.status < 300, said
    transport.close()
    document = json.loads(said)
    assert isinstance(document, dict)
    return document


def remember(home: Path, content: str) -> local.Endpoint:
    server = local.connect(str(home / "data"), version=__version__)
    asked(server, "POST", "/memories", {"content": content, "memory_type": "decision"})
    return server


def test_the_one_that_runs_is_asked_with_its_own_key(home: Path, environ: dict[str, str]) -> None:
    with session_server(key="its token") as server:
        server.announce(home / "data")
        assert told(hook(START, environ)) == TEXT
        assert hook(STOP, environ).out == ""

    assert [one.headers["x-api-key"] for one in server.asked] == ["its token"] * 2
    assert len(server.done) == 1


def test_a_stranger_on_its_port_gets_neither_key_nor_text(home: Path, environ: dict[str, str]) -> None:
    heard: list[bytes] = []
    stranger = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    with session_server(key="its token") as server, listening(says(stranger, requests=heard)) as port:
        server.port = port
        server.announce(home / "data")
        done = hook(STOP, {**environ, "PATH": ""})

    assert (done.code, done.out, done.err) == (0, "", "")
    assert heard
    assert all(b"/health" in one and b"its token" not in one for one in heard)


def test_one_that_does_not_answer_is_given_up_and_nothing_is_lost(home: Path, environ: dict[str, str]) -> None:
    with listening(lambda connection: connection.recv(1) and time.sleep(_WAIT_S)) as port, session_server() as server:  # type: ignore[func-returns-value]
        server.port = port
        server.announce(home / "data")
        for said in (START, PROMPT, STOP, END):
            done = hook(said, environ, patient=False)
            assert (done.code, done.out, done.err) == (0, "", "")

        assert len(Outbox(str(home / "data"), "local").waiting()) == 2


def test_where_none_runs_a_start_of_a_session_starts_it(home: Path, environ: dict[str, str]) -> None:
    remember(home, "We deploy on Fridays")
    assert local.stop(str(home / "data"))

    first = hook(START, environ, patient=False)
    running(home)
    second = hook(event("SessionStart", source="compact"), environ)

    assert (first.code, first.err, second.code, second.err) == (0, "", 0, "")
    assert first.out == "" or "We deploy on Fridays" in told(first), "a slow machine is not waited for"
    assert "We deploy on Fridays" in told(second)


def test_where_none_runs_a_prompt_has_it_started_and_goes_on(home: Path, environ: dict[str, str]) -> None:
    done = hook(PROMPT, environ)

    assert (done.code, done.out, done.err) == (0, "", "")
    running(home)


def test_where_none_runs_nothing_of_a_session_is_lost(home: Path, environ: dict[str, str]) -> None:
    for said in (STOP, END):
        done = hook(said, environ)
        assert (done.code, done.out, done.err) == (0, "", "")

    server = running(home)
    until(lambda: Outbox(str(home / "data"), "local").empty())
    session = asked(server, "GET", f"/sessions/{SESSION}")
    assert session["status"] == "ended"
    assert "Fridays" in json.dumps(session)


def test_a_data_directory_may_be_named_from_where_the_agent_is(home: Path, environ: dict[str, str]) -> None:
    """What the hook leaves behind works on the same one."""
    with nothing_left_behind(Path("data")):
        hook(STOP, {**environ, "MEMORY_DATA_DIR": "data"}, cwd=home)

    assert running(home)
    until(lambda: Outbox(str(home / "data"), "local").empty())


def test_one_that_was_killed_in_between_is_replaced(home: Path, environ: dict[str, str]) -> None:
    """A restart in the middle of a session: the hooks of before and after belong to one session."""
    first = remember(home, "We deploy on Fridays")
    assert "Fridays" in told(hook(START, environ))
    kill(first.pid)

    assert hook(STOP, environ).out == ""
    assert running(home).instance != first.instance
    until(lambda: Outbox(str(home / "data"), "local").empty())
    again = hook(event("SessionStart", source="compact"), environ)
    assert "Fridays" in told(again)


def test_a_whole_session_is_remembered_in_the_next(home: Path, environ: dict[str, str]) -> None:
    server = local.connect(str(home / "data"), version=__version__)
    for said in (START, PROMPT, STOP, END):
        assert hook(said, environ).code == 0
    assert Outbox(str(home / "data"), "local").empty()

    following = hook(event("SessionStart", session_id="the-next", source="startup"), environ)

    assert "Fridays" in told(following)
    assert asked(server, "GET", f"/sessions/{SESSION}")["status"] == "ended"


def test_one_that_cannot_start_is_silence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    environ = machine(tmp_path / "laptop", MEMORY_DATA_DIR=str(tmp_path / "data"))

    for said in (START, PROMPT, STOP, END):
        done = hook(said, environ, patient=False)
        assert (done.code, done.out, done.err) == (0, "", "")
    assert "is not a folder" in hook(STOP, environ, "--verbose").err


def test_an_older_one_is_asked_and_replaced_behind_the_hook(home: Path, environ: dict[str, str]) -> None:
    with session_server() as server:
        server.announce(home / "data")
        state = json.loads((home / "data" / "server.json").read_text())
        (home / "data" / "server.json").write_text(json.dumps({**state, "version": "0.0.1"}))

        assert told(hook(START, environ)) == TEXT
        until(lambda: any(one.path == "/admin/stop" for one in server.asked))


def test_with_a_key_of_a_real_server_elsewhere_it_all_works(home: Path, tmp_path: Path) -> None:
    with running_server(tmp_path / "server", api_key="s3cret") as server:
        environ = machine(home, MEMORY_SERVER=server.url, MEMORY_API_KEY="s3cret", MEMORY_PROJECT="shop")
        for said in (START, PROMPT, STOP, END):
            done = hook(said, environ)
            assert (done.code, done.out, done.err) == (0, "", "")
        assert "Fridays" in told(hook(event("SessionStart", session_id="the-next"), environ))

        wrong = {**environ, "MEMORY_API_KEY": "wrong"}
        assert hook(START, wrong).out == ""
        restarted = server.port
    with running_server(tmp_path / "server", api_key="s3cret", args=["--port", str(restarted)]):
        assert "Fridays" in told(hook(event("SessionStart", session_id="and-the-next"), environ))
