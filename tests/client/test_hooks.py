"""The hook command as an agent runs it: JSON in, at most one line out, exit code 0, whatever the server does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memory_client.outbox import Outbox, written
from support.bridges import bridge, machine, text_of
from support.hooked import (
    SCRIPT,
    SESSION,
    TEXT,
    Done,
    SessionServer,
    event,
    hook,
    session_server,
    start_hook,
    told,
    until,
)
from support.ledger import ledger
from support.platforms import home_of, posix_only
from support.sockets import free_port, listening

START = event("SessionStart", source="startup")
PROMPT = event("UserPromptSubmit", prompt="When do we deploy?")
SUBAGENT = event("SubagentStart", agent_id="a1", agent_type="Explore")
COMPACTED = event("PostCompact", trigger="auto", compact_summary="We chose DuckDB.")
STOP = event("Stop", stop_hook_active=False, last_assistant_message="The tests are green.")
END = event("SessionEnd", reason="other")
ASKING = [START, PROMPT, SUBAGENT]
WRITING = [COMPACTED, STOP, END]
EVERY = [pytest.param(said, id=str(said["hook_event_name"])) for said in [*ASKING, *WRITING]]
SILENT = (0, "", "")
TAKES_TOO_LONG_S = 10.0  # what only a hook takes that does not mind its time; a busy machine may add seconds


def parts(done: Done) -> tuple[int, str, str]:
    return done.code, done.out, done.err


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "laptop"


def outbox(home: Path, server: SessionServer) -> Outbox:
    return Outbox(str(home / "data"), server.url)


def waiting(home: Path, server: SessionServer) -> list[str]:
    return [json.loads(entry.body).get("text", entry.path) for entry in outbox(home, server).waiting()]


@pytest.mark.parametrize("said", ASKING, ids=lambda said: str(said["hook_event_name"]))
def test_what_the_server_knows_is_printed_for_the_model(home: Path, said: dict[str, object]) -> None:
    with session_server() as server:
        done = hook(said, server.machine(home))

    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "hookSpecificOutput": {"hookEventName": said["hook_event_name"], "additionalContext": TEXT}
    }
    assert done.out.count("\n") == 1
    assert [asked.path for asked in server.asked] == [f"/sessions/{SESSION}/context"]


@pytest.mark.parametrize("said", WRITING, ids=lambda said: str(said["hook_event_name"]))
def test_what_is_kept_says_nothing(home: Path, said: dict[str, object]) -> None:
    with session_server() as server:
        done = hook(said, server.machine(home))

    assert parts(done) == SILENT
    assert len(server.done) == 1
    assert waiting(home, server) == []


def test_machine_project_and_key_go_along(home: Path, tmp_path: Path) -> None:
    repository = tmp_path / "shop"
    (repository / ".git" / "objects").mkdir(parents=True)
    (repository / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (repository / ".git" / "config").write_text('[remote "origin"]\n\turl = git@github.com:me/shop.git\n')
    with session_server(key="s3cret") as server:
        environ = server.machine(home, MEMORY_API_KEY="s3cret", CLAUDE_PROJECT_DIR=str(repository))
        hook(event("SessionStart", source="startup", cwd=str(tmp_path)), environ)
        hook(STOP, environ)

    for asked in server.asked:
        assert asked.headers["x-api-key"] == "s3cret"
        assert asked.headers["x-client-id"] == "laptop"
        assert asked.headers["x-project-id"] == "github.com/me/shop"
    assert server.asked[0].body == {"occasion": "start", "agent": "claude-code", "directory": str(repository)}
    assert server.asked[1].headers["idempotency-key"]


@pytest.mark.parametrize("said", EVERY)
def test_a_server_with_nothing_to_say_is_silence(home: Path, said: dict[str, object]) -> None:
    with session_server(text=" \n") as server:
        assert parts(hook(said, server.machine(home))) == SILENT


@pytest.mark.parametrize("said", EVERY)
def test_where_nobody_listens_there_is_silence(home: Path, said: dict[str, object]) -> None:
    environ = machine(home, MEMORY_SERVER=f"http://127.0.0.1:{free_port()}")

    assert parts(hook(said, environ)) == SILENT


@pytest.mark.parametrize("said", EVERY)
def test_a_server_that_hangs_is_given_up(home: Path, said: dict[str, object]) -> None:
    with session_server(hanging=True) as server:
        done = hook(said, server.machine(home), patient=False)
        assert parts(done) == SILENT
        assert done.took_s < TAKES_TOO_LONG_S
        assert len(waiting(home, server)) == (said in WRITING)


@pytest.mark.parametrize("said", EVERY)
def test_a_server_that_trickles_is_given_up(home: Path, said: dict[str, object]) -> None:
    """Each byte in time, the whole never: no limit on a single wait helps."""

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)

    with listening(trickle) as port:
        done = hook(said, machine(home, MEMORY_SERVER=f"http://127.0.0.1:{port}"), patient=False)

    assert parts(done) == SILENT
    assert done.took_s < TAKES_TOO_LONG_S


def test_who_knows_their_server_to_be_slow_can_wait_for_it(home: Path) -> None:
    with session_server(pause_s=2.5) as server:
        assert parts(hook(START, server.machine(home), patient=False)) == SILENT
        assert told(hook(START, server.machine(home), "--within", "45", patient=False)) == TEXT


def test_an_address_that_swallows_everything_is_given_up(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:  # connections are made, and never taken
        environ = machine(home, MEMORY_SERVER=f"http://127.0.0.1:{listener.getsockname()[1]}")
        for said in (START, END):
            done = hook(said, environ, patient=False)
            assert parts(done) == SILENT
            assert done.took_s < TAKES_TOO_LONG_S


HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "answer",
    [
        (200, HTML, b"<html>Sign in</html>"),
        (200, JSON, b""),
        (200, JSON, b"[]"),
        (200, JSON, b'{"text": 5}'),
        (200, JSON, b'{"text": null}'),
        (200, JSON, b"\xff\xfe\x00"),
        (200, JSON, b"[" * 100_000),
        (404, HTML, b"not here"),
        (500, JSON, b'{"code": "internal", "detail": "our fault"}'),
        (502, HTML, b"<html>"),
        (301, {"Location": "http://127.0.0.1:9/"}, b""),
    ],
)
@pytest.mark.parametrize("said", [START, STOP], ids=["SessionStart", "Stop"])
def test_an_answer_without_sense_is_silence(
    home: Path, said: dict[str, object], answer: tuple[int, dict[str, str], bytes]
) -> None:
    with session_server(answer=answer) as server:
        assert parts(hook(said, server.machine(home))) == SILENT


def test_a_wrong_key_is_silence_and_keeps_nothing(home: Path) -> None:
    """What the server refuses is not kept: it would be refused again, and stand before what is not."""
    with session_server(key="s3cret") as server:
        environ = server.machine(home, MEMORY_API_KEY="wrong")
        for said in [*ASKING, *WRITING]:
            assert parts(hook(said, environ)) == SILENT
        assert waiting(home, server) == []
        assert server.done == []


def test_an_older_server_without_sessions_is_silence_and_gathers_nothing(home: Path) -> None:
    missing = json.dumps({"status": 404, "code": "no-route", "detail": "there is no such route"}).encode()
    with session_server(answer=(404, {"Content-Type": "application/problem+json"}, missing)) as server:
        for said in [*ASKING, *WRITING]:
            assert parts(hook(said, server.machine(home))) == SILENT
        assert waiting(home, server) == []


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"SessionStart",
        b"\x00\x01\xff" * 100,
        b"[" * 200_000,
        b'{"hook_event_name": "SessionStart"}',
        b'{"hook_event_name": "SessionStart", "session_id": "\\ud800"}',
        b'{"hook_event_name": "PreToolUse", "session_id": "s"}',
        b'{"hook_event_name": "SessionStart", "session_id": "s", "x": "' + b"x" * (5 << 20) + b'"}',
    ],
    ids=range(11),
)
def test_input_without_sense_is_silence(home: Path, said: bytes) -> None:
    with session_server() as server:
        assert parts(hook(said, server.machine(home))) == SILENT
        assert server.asked == []


def test_text_that_is_no_unicode_does_no_harm(home: Path) -> None:
    said = json.dumps(event("Stop", last_assistant_message="half \ud83d a pair")).encode()
    with session_server() as server:
        assert parts(hook(said, server.machine(home))) == SILENT
        assert server.done == [f"/sessions/{SESSION}/notes turn half ? a pair"]


@pytest.mark.parametrize(
    "environ",
    [
        {"MEMORY_SERVER": "nonsense"},
        {"MEMORY_SERVER": "http://user:password@host"},
        {"MEMORY_SERVER": "http://127.0.0.1:9", "MEMORY_API_KEY_FILE": "/nowhere"},
        {"MEMORY_SERVER": "http://127.0.0.1:9", "MEMORY_API_KEY": "ü"},
        {"MEMORY_SERVER": "http://memory.invalid:8420", "HTTP_PROXY": "socks5://127.0.0.1:9"},
        {"MEMORY_SERVER": "http://127.0.0.1:9", "MEMORY_DATA_DIR": f"{__file__}/in a file"},
        {"MEMORY_SERVER": "http://127.0.0.1:9", "CLAUDE_PROJECT_DIR": "/nowhere/\x01"},
    ],
)
@pytest.mark.parametrize("said", [START, STOP], ids=["SessionStart", "Stop"])
def test_settings_that_cannot_be_meant_are_silence(
    home: Path, said: dict[str, object], environ: dict[str, str]
) -> None:
    assert parts(hook(said, machine(home, **environ))) == SILENT


def test_without_a_home_it_works_as_far_as_it_can(home: Path, tmp_path: Path) -> None:
    with session_server() as server:
        environ = server.machine(home)
        for name in (*home_of(home), "XDG_CACHE_HOME"):
            del environ[name]
        assert told(hook(START, environ)) == TEXT
        assert parts(hook(STOP, environ, cwd=tmp_path)) == SILENT
        assert len(server.done) == 1


@posix_only("a folder in which a process stands cannot be removed there")
def test_a_directory_that_has_gone_does_no_harm(home: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with session_server() as server, start_hook(server.machine(home), cwd=gone) as process:
        gone.rmdir()
        out, err = process.communicate(json.dumps(START).encode(), timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out)


@posix_only("it closes streams in a shell")
@pytest.mark.parametrize("shut", ["0<&-", "1>&-", "2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_stream_does_no_harm(home: Path, shut: str) -> None:
    """With standard output closed, its number is that of the next socket, which must not get what is for the model."""
    said = home.with_suffix(".json")
    said.write_text(json.dumps(START))
    with session_server() as server:
        shell = ["bash", "-c", f'"$0" hook <"$1" {shut}', SCRIPT, said]
        ended = subprocess.run(shell, env=server.machine(home), capture_output=True, check=False, timeout=60)
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert len(server.asked) == ("0<&-" not in shut)
        assert bool(ended.stdout) == (shut == "2>&-")


def test_a_reader_that_has_left_does_no_harm(home: Path) -> None:
    with session_server(pause_s=0.3) as server, start_hook(server.machine(home)) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.close()
        process.stdin.write(json.dumps(START).encode())
        process.stdin.close()
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_input_that_never_ends_is_given_up(home: Path) -> None:
    with start_hook(machine(home, MEMORY_SERVER="http://127.0.0.1:9")) as process:
        assert process.stdin is not None
        process.stdin.write(b'{"hook_event_name": "SessionStart"')
        process.stdin.flush()
        assert process.wait(60) == 0


@posix_only("it sends the signals of a terminal")
def test_an_interrupt_that_ends_the_agent_does_not_lose_what_its_hook_has_to_keep(home: Path) -> None:
    with session_server(hanging=True) as server:
        with start_hook(server.machine(home)) as process:
            assert process.stdin is not None
            process.stdin.write(json.dumps(STOP).encode())
            process.stdin.close()
            while not server.asked:
                assert process.poll() is None
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(60) == 0
            assert process.stderr is not None
            assert process.stderr.read() == b""
        assert waiting(home, server) == ["The tests are green."]


def test_what_hung_is_kept_and_delivered_once_in_order(home: Path) -> None:
    """A turn and the end of its session keep their order, also where the server had taken the turn after all."""
    with session_server(hanging=True) as server:
        environ = server.machine(home)
        hook(STOP, environ, patient=False)
        port = server.port
    assert waiting(home, server) == ["The tests are green."]
    taken = list(server.done)

    hook(END, environ)
    assert waiting(home, server) == ["The tests are green.", f"/sessions/{SESSION}/end"]

    server.hanging = False
    with session_server(port, of=server):
        hook(event("Stop", session_id="another", last_assistant_message="Later."), environ)
        assert waiting(home, server) == []

    assert len(taken) <= 1
    assert server.done == [
        f"/sessions/{SESSION}/notes turn The tests are green.",
        f"/sessions/{SESSION}/end other",
        "/sessions/another/notes turn Later.",
    ]


def test_an_answer_that_was_lost_does_not_do_it_twice(home: Path) -> None:
    with session_server(losing=1) as server:
        environ = server.machine(home)
        hook(STOP, environ)
        assert waiting(home, server) == ["The tests are green."]
        hook(END, environ)

    assert server.done == [f"/sessions/{SESSION}/notes turn The tests are green.", f"/sessions/{SESSION}/end other"]


def test_what_the_server_refuses_later_is_gone_and_nobody_is_troubled(home: Path) -> None:
    """Such as the end of a session that began while the server was away, and of which it has heard nothing."""
    with session_server(hanging=True) as server:
        environ = server.machine(home)
        hook(END, environ, patient=False)
        port = server.port
    server.hanging = False
    missing = json.dumps({"status": 404, "code": "not-found", "detail": "there is no session 6c0f6a52"}).encode()
    server.answer = (404, {"Content-Type": "application/problem+json"}, missing)
    with session_server(port, of=server):
        hook(STOP, environ)

    assert outbox(home, server).entries() == []


def test_what_waits_is_delivered_after_a_hook_that_only_asks(home: Path) -> None:
    """In a process of its own: the agent does not wait for it."""
    with session_server() as server:
        environ = server.machine(home)
        box = outbox(home, server)
        for number in range(20):
            box.keep(written("hook Stop", "POST", "/sessions/s/notes", {}, b'{"text": "%d"}' % number))
        assert told(hook(START, environ)) == TEXT
        until(lambda: not box.waiting())

    assert server.done == [f"/sessions/s/notes {number}" for number in range(20)]


def test_a_hook_does_not_wait_for_a_long_backlog(home: Path) -> None:
    """It queues up behind it, and the rest is delivered without it."""
    with session_server() as server:
        environ = server.machine(home)
        box = outbox(home, server)
        box.keep(written("hook Stop", "POST", "/sessions/s/notes", {}, b'{"text": "before"}'))
        held = box.sending()  # as another process that is delivering
        assert held.acquire()
        assert parts(hook(STOP, environ)) == SILENT
        assert waiting(home, server) == ["before", "The tests are green."]
        held.release()
        hook(END, environ)
        until(lambda: not box.waiting())

    assert [line.split()[-1] for line in server.done] == ["before", "green.", "other"]


def test_an_outbox_that_cannot_be_used_does_not_stop_what_can_be_sent(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "outbox").write_text("not a folder")
    with session_server() as server:
        assert parts(hook(STOP, server.machine(home))) == SILENT
        assert len(server.done) == 1
    assert parts(hook(END, server.machine(home))) == SILENT


def test_two_windows_at_once_get_their_own(home: Path) -> None:
    with session_server() as server:
        environ = server.machine(home)
        said = [event(name, session_id=f"w{n}", source="startup", last_assistant_message=f"m{n}", reason="other")
                for n in range(4) for name in ("SessionStart", "Stop", "SessionEnd")]  # fmt: skip
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda one: hook(one, environ), said))

    assert {(one.code, one.err) for one in done} == {(0, "")}
    assert [bool(one.out) for one in done] == [True, False, False] * 4
    assert sorted(line.split("/")[2] for line in server.done) == sorted(f"w{n}" for n in range(4) for _ in range(2))


@pytest.mark.parametrize("said", EVERY)
def test_hooks_can_be_switched_off(home: Path, said: dict[str, object]) -> None:
    with session_server() as server:
        assert parts(hook(said, server.machine(home, MEMORY_HOOKS="off"))) == SILENT
        assert server.asked == []


def test_the_settings_file_of_the_machine_counts_for_hooks_too(home: Path) -> None:
    with session_server(key="s3cret") as server:
        environ = machine(home, XDG_CONFIG_HOME=str(home / "config"))
        file = home / "config" / "claude-memory" / "env"
        file.parent.mkdir(parents=True)
        said = f"export MEMORY_SERVER={server.url}\nexport MEMORY_API_KEY=s3cret\n"
        file.write_text(said)
        assert told(hook(START, environ)) == TEXT

        file.write_text(f"{said}export MEMORY_HOOKS=off\n")
        assert parts(hook(START, environ)) == SILENT
        file.write_text(f"{said}export MEMORY_HOOKS=`date`\n")
        assert parts(hook(START, environ)) == SILENT
        assert len(server.asked) == 1


def test_the_options_of_the_plugin_count_for_hooks(home: Path) -> None:
    with session_server(key="s3cret") as server:
        said = {"CLAUDE_PLUGIN_OPTION_SERVER_URL": server.url, "CLAUDE_PLUGIN_OPTION_API_KEY": "s3cret"}
        assert told(hook(START, machine(home, **said))) == TEXT


def test_hooks_can_be_told_to_keep_nothing(home: Path) -> None:
    with session_server() as server:
        environ = server.machine(home, MEMORY_HOOKS="context")
        for said in WRITING:
            assert parts(hook(said, environ)) == SILENT
        assert told(hook(START, environ)) == TEXT
        assert len(server.asked) == 1


@pytest.mark.parametrize("arguments", [["--verbose"], []])
def test_on_request_one_line_says_what_came_of_it(home: Path, arguments: list[str]) -> None:
    port = free_port()
    environ = machine(home, MEMORY_SERVER=f"http://127.0.0.1:{port}", **({} if arguments else {"MEMORY_DEBUG": "1"}))
    done = hook(START, environ, *arguments)

    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"memory-client hook SessionStart: http://127.0.0.1:{port} is unreachable")
    assert done.err.count("\n") == 1


def test_a_switch_that_means_nothing_is_said_on_request(home: Path) -> None:
    done = hook(START, machine(home, MEMORY_HOOKS="none", MEMORY_SERVER="http://127.0.0.1:9"), "--verbose")

    assert "MEMORY_HOOKS=none is none of off, context, all" in done.err


WRONG_COMMAND_LINES = [
    ["--no-such-option"],
    ["--agent"],
    ["--within"],
    ["--within", "soon"],
    ["NoSuchEvent"],
    ["SessionStart", "x", "--"],
]


@pytest.mark.parametrize("arguments", WRONG_COMMAND_LINES)
def test_a_wrong_command_line_is_no_error(home: Path, arguments: list[str]) -> None:
    """Exit code 2 would have Claude Code throw the prompt away."""
    with session_server() as server:
        done = hook(START, server.machine(home), *arguments, patient=False)
    assert (done.code, done.err) == (0, "")


def test_it_says_how_it_is_used() -> None:
    ended = subprocess.run([SCRIPT, "hook", "--help"], capture_output=True, text=True, check=False)

    assert ended.returncode == 0
    for word in ("SessionStart", "UserPromptSubmit", "MEMORY_HOOKS", "--check"):
        assert word in ended.stdout


def test_a_hook_imports_nothing_that_it_can_do_without() -> None:
    """Each of these costs between 3 and 1,000 ms, and a hook runs with every prompt."""
    loaded = "import sys, memory_client.hooks, memory_client.hook_turn; print(*sys.modules)"
    modules = set(subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout.split())  # noqa: PLW1510
    dear = {"ssl", "subprocess", "http", "email", "urllib", "pathlib", "typing", "hashlib", "argparse", "logging"}
    dear |= {"asyncio", "tempfile", "httpx", "msgspec", "importlib.metadata", "memory_client.delivery", "inspect"}

    assert "memory_client.hooks" in modules
    assert modules & dear == set()


def test_check_says_in_words_that_hooks_work(home: Path) -> None:
    with session_server() as server:
        ended = subprocess.run(
            [SCRIPT, "hook", "--check"], env=server.machine(home), capture_output=True, text=True, check=False
        )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert server.url in ended.stdout
    assert "Hooks work." in ended.stdout
    assert [asked.path for asked in server.asked] == ["/sessions/hook-check/context", "/sessions/hook-check/end"]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"MEMORY_API_KEY": "wrong"}, "does not accept the key"),
        ({"MEMORY_SERVER": "http://127.0.0.1:9"}, "connection refused"),
        ({"MEMORY_SERVER": "nonsense"}, "has no scheme"),
        ({"MEMORY_HOOKS": "nonsense"}, "hooks are off"),
    ],
)
def test_check_says_in_words_why_hooks_do_not_work(home: Path, environ: dict[str, str], said: str) -> None:
    with session_server(key="s3cret") as server:
        ended = subprocess.run(
            [SCRIPT, "hook", "--check"],
            env=server.machine(home, **environ),
            capture_output=True,
            text=True,
            check=False,
        )

    assert (ended.returncode, ended.stderr) == (1, "")
    assert said in ended.stdout


def test_an_agent_is_not_told_of_what_hooks_kept(home: Path) -> None:
    """It would read its own words again, at the end of a tool's result."""
    with ledger() as (server, url):
        environ = machine(home, MEMORY_SERVER=url)
        box = Outbox(str(home / "data"), url)
        box.keep(written("hook Stop", "POST", "/sessions/s/notes", {}, b'{"text": "The tests are green."}'))
        with bridge(environ) as client:
            client.initialize()
            client.request("tools/list")
            first = client.call("memory_add", content="one")
            second = client.call("memory_add", content="two")

    assert len(server.done) == 3
    assert "meanwhile" not in text_of(first) + text_of(second)
