"""Whatever goes wrong ends in one sentence on standard error, the right exit code, and no traceback."""

import io
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from memory_cli.app import COMMANDS, GROUPS, command_line
from memory_client import __version__
from support.machines import COMMAND, Machine, Ran
from support.platforms import posix_only
from support.servers import running_server
from support.sockets import free_port, listening, says

FAILED, MISUSED, NOT_FOUND = 1, 2, 3


def assert_sentence(ran: Ran, code: int, *words: str) -> None:
    assert ran.code == code, ran
    assert ran.out == ""
    assert re.fullmatch(r"claude-memory: [^\n]+\n", ran.err), ran.err
    for word in words:
        assert word in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("get", "0123456789abcdef"), NOT_FOUND, ("0123456789abcdef",)),
        (("delete", "0123456789abcdef"), NOT_FOUND, ()),
        (("restore", "0123456789abcdef"), NOT_FOUND, ()),
        (("pin", "0123456789abcdef"), NOT_FOUND, ()),
        (("similar", "0123456789abcdef"), NOT_FOUND, ()),
        (("update", "0123456789abcdef", "--content", "x"), NOT_FOUND, ()),
        (("get", "../etc/passwd"), MISUSED, ("no id",)),
        (("get", ""), MISUSED, ("no id",)),
        (("get", "abc"), MISUSED, ("abc",)),
        (("update", "0123456789abcdef"), MISUSED, ("nothing to change",)),
        (("add", "  "), MISUSED, ("content is empty",)),
        (("add", "-"), MISUSED, ("content is empty",)),
        (("add",), MISUSED, ("CONTENT",)),
        (("add", "several", "words"), MISUSED, ("'words'", "quote")),
        (("add", "x", "--type", "idea"), MISUSED, ("idea", "decision", "preference", "session")),
        (("add", "x", "--certainty", "2"), MISUSED, ("certainty_score is 2", "0 to 1")),
        (("add", "x", "--certainty", "high"), MISUSED, ("high", "--certainty")),
        (("add", "x", "--unknown"), MISUSED, ("--unknown",)),
        (("search", "x", "-n", "0"), MISUSED, ("limit is 0", "1 to 200")),
        (("search", "x", "-n", "201"), MISUSED, ("limit is 201",)),
        (("search", "x", "-m", "fuzzy"), MISUSED, ("keyword", "semantic", "hybrid")),
        (("search", "x", "-q", "y"), MISUSED, ("twice",)),
        (("search", "x", "--since", "long ago"), MISUSED, ("long ago", "7d")),
        (("list", "--global", "--no-project"), MISUSED, ("exclude each other",)),
        (("context", "--max", "0"), MISUSED, ("max_memories",)),
        (("remember", "x"), MISUSED, ("remember", "search")),
        (("-p",), MISUSED, ("-p",)),
        (("import", "nowhere.parquet"), NOT_FOUND, ("nowhere.parquet",)),
        (("export", "nowhere/all.parquet"), NOT_FOUND, ("there is no folder nowhere; make it",)),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(
    local_machine: Machine, command: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    assert_sentence(local_machine.run(*command), code, *words)


def test_an_ambiguous_beginning_of_an_id_names_the_candidates(tmp_path: Path) -> None:
    """Ids are random, so a server that is asked for one of two is played."""
    body = b'{"type":"t","title":"t","status":409,"code":"ambiguous-id","detail":"1a2b: 1a2b3c4d, 1a2b9f00"}'
    head = b"HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n" % len(body)
    with listening(says(head + body)) as port:
        machine = Machine(tmp_path / "home", MEMORY_SERVER=f"http://127.0.0.1:{port}")
        assert_sentence(machine.run("get", "1a2b"), FAILED, "1a2b3c4d, 1a2b9f00")


def test_text_that_is_not_utf_8_is_refused(local_machine: Machine) -> None:
    assert_sentence(local_machine.run("add", "-", stdin=b"caf\xe9"), MISUSED, "UTF-8")


@posix_only("arguments are text there")
def test_an_argument_that_is_no_text_is_refused(local_machine: Machine) -> None:
    done = subprocess.run(
        [COMMAND, "add", b"caf\xe9"], capture_output=True, env=local_machine.env, cwd=local_machine.folder, check=False
    )

    assert_sentence(Ran(done.returncode, done.stdout.decode(), done.stderr.decode()), MISUSED, "surrogate")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_one_sentence(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    file.touch(mode=0o200)

    assert_sentence(machine.run("import", file), FAILED, f"{file} cannot be read: Permission denied")


def test_a_file_that_is_no_export_is_refused(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    file.write_bytes(b"PAR1 nonsense")

    assert_sentence(machine.run("import", file), MISUSED)


# ── Servers that are away, or not what they should be ──


def test_a_server_that_is_away_is_named_with_what_to_check(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    machine = Machine(tmp_path / "home", MEMORY_SERVER=url)

    for command in (("list",), ("purge", "--containing", "x"), ("status",), ("context",)):
        assert_sentence(machine.run(*command), FAILED, f"cannot reach {url}", "MEMORY_SERVER")


@pytest.mark.parametrize("key", [None, "wrong"])
def test_without_the_right_key_nothing_is_seen(remote_machine: Machine, tmp_path: Path, key: str | None) -> None:
    settings = {"MEMORY_API_KEY": key} if key else {}
    stranger = Machine(tmp_path / "home", MEMORY_SERVER=remote_machine.env["MEMORY_SERVER"], **settings)

    for command in (("list", "-g"), ("add", "x"), ("export", tmp_path / "x.parquet"), ("status",)):
        assert_sentence(stranger.run(*command), FAILED, "key")
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("memory.lan:8420", ("http://memory.lan:8420",)),
        ("ftp://memory.lan", ("MEMORY_SERVER", "http://")),
        ("http://user:pw@memory.lan", ("MEMORY_API_KEY",)),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(tmp_path: Path, place: str, words: tuple[str, ...]) -> None:
    machine = Machine(tmp_path / "home")

    assert_sentence(machine.run("list", env={"MEMORY_SERVER": place}), MISUSED, *words)
    assert_sentence(machine.run("--server", place, "list"), MISUSED, *words)


def test_another_program_on_the_port_is_no_memory_server(tmp_path: Path) -> None:
    import http.server
    import threading

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as other:
        threading.Thread(target=other.serve_forever).start()
        machine = Machine(tmp_path / "home", MEMORY_SERVER=f"http://127.0.0.1:{other.server_port}")
        try:
            assert_sentence(machine.run("list"), FAILED, "is it a memory server")
        finally:
            other.shutdown()


def test_a_limited_caller_is_told_when_to_come_back(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", api_key="k", env={"MEMORY_LIMIT_WRITES": "1/minute"}) as server:
        machine = Machine(tmp_path / "home", MEMORY_SERVER=server.url, MEMORY_API_KEY="k")
        assert machine.run("add", "one").code == 0
        assert_sentence(machine.run("add", "two"), FAILED, " s")


# ── The local server ──


def test_no_server_yet_is_what_status_says_and_stop_is_content(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home")

    assert_sentence(machine.run("status"), NOT_FOUND, "no server is running")
    stopped = machine.run("stop")
    assert (stopped.code, stopped.err) == (0, "")
    assert stopped.out.startswith("No server is running")


def test_a_server_elsewhere_cannot_be_stopped_from_here(remote_machine: Machine) -> None:
    assert_sentence(remote_machine.run("stop"), MISUSED, "stop it where it runs")


def test_a_data_directory_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    machine = Machine(tmp_path / "home")

    assert_sentence(machine.run("--data-dir", tmp_path / "file" / "data", "list"), FAILED)


def test_a_data_directory_of_its_own_is_a_store_of_its_own(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home")
    try:
        machine.run("--data-dir", tmp_path / "one", "add", "in one")
        assert machine.run("list", "--data-dir", tmp_path / "one").out.endswith("\tin one\n")
        assert not (machine.home / ".claude-memory").exists()
    finally:
        assert machine.run("stop", "--data-dir", tmp_path / "one").out == "Stopped the local server\n"


def test_a_store_of_a_newer_version_is_left_alone_and_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home")
    machine.run("add", "of the future")
    machine.run("stop")
    file = machine.home / ".claude-memory" / "memories.duckdb"
    with duckdb.connect(str(file)) as store:
        store.execute(
            "INSERT INTO schema_migrations SELECT 999, 'later', 'x', applied_at FROM schema_migrations LIMIT 1"
        )

    assert_sentence(machine.run("list"), FAILED, "999", "upgrade")


# ── Signals and pipes ──


def test_a_reader_that_has_enough_ends_the_command_quietly(machine: Machine, project: str) -> None:
    for at in range(3):
        machine.run("-p", project, "add", f"{at} " + "word " * 12_000)

    process = subprocess.Popen(
        [COMMAND, "-p", project, "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=machine.env,
        cwd=machine.folder,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(60) == 141


@posix_only("it sends the signal of a terminal")
def test_an_interrupt_ends_the_command_quietly(tmp_path: Path) -> None:
    """The server takes the connection and never answers; the interrupt comes while the command waits."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        machine = Machine(tmp_path / "home", MEMORY_SERVER=f"http://127.0.0.1:{listener.getsockname()[1]}")
        process = subprocess.Popen(
            [COMMAND, "list"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=machine.env,
            cwd=machine.folder,
            start_new_session=True,
            # A shell that runs the tests in the background lets them, and all that they start, ignore interrupts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread runs
        )
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")


# ── Commands that become another program ──


def test_the_version_is_told_without_loading_anything(local_machine: Machine) -> None:
    ran = local_machine.run("--version")

    assert (ran.code, ran.out) == (0, f"claude-memory {__version__}\n")


def test_server_is_memory_server(local_machine: Machine) -> None:
    ran = local_machine.run("server", "--version")

    assert (ran.code, ran.out) == (0, f"memory-server {__version__}\n")


@pytest.mark.parametrize("command", [("serve",), ("-p", "x", "serve"), ("serve", "--data-dir", "d"), ("client",)])
def test_the_bridge_is_started_without_the_parser_and_the_libraries(
    local_machine: Machine, command: tuple[str, ...]
) -> None:
    """An agent waits for it whenever a session begins."""
    ran = local_machine.run(*command, env={"PYTHONPROFILEIMPORTTIME": "1", "MEMORY_SERVER": "http://127.0.0.1:1"})

    loaded = {line.rpartition("|")[2].strip() for line in ran.err.splitlines() if line.startswith("import time:")}
    assert ran.code == 0
    assert "memory_client.bridge" in loaded
    assert not {
        name for name in loaded if name.partition(".")[0] in {"cyclopts", "httpx", "rich", "msgspec", "asyncio"}
    }


def test_a_bridge_answers_on_standard_output(local_machine: Machine) -> None:
    hello = (
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",'
        '"capabilities":{},"clientInfo":{"name":"test","version":"1"}}}\n'
    )

    ran = local_machine.run("serve", stdin=hello)

    assert '"id":1' in ran.out.replace(" ", "")
    assert "serverInfo" in ran.out


def test_help_is_there_for_every_command(local_machine: Machine) -> None:
    ran = local_machine.run("--help")

    commands = re.findall(r"^│ ([a-z][a-z-]+)  ", ran.out, re.MULTILINE)
    assert {"add", "search", "context", "purge", "backfill-embeddings", "serve", "client", "server"} <= set(commands)
    assert "Exit codes: 0 done" in ran.out
    assert local_machine.run("purge", "--help").out.startswith("Usage: claude-memory purge")


@pytest.mark.parametrize("command", [name for name, *_ in (*COMMANDS, *GROUPS)])
def test_every_command_says_what_it_is_for(command: str) -> None:
    paper = io.StringIO()

    command_line({}).meta([command, "--help"], console=Console(file=paper, width=80), result_action="return_value")

    assert paper.getvalue().startswith(f"Usage: claude-memory {command}")


def test_completion_is_written_for_the_shell(local_machine: Machine, tmp_path: Path) -> None:
    ran = local_machine.run("--install-completion", "--shell", "bash", "--output", tmp_path / "complete.bash")

    assert ran.code == 0
    assert "backfill-embeddings" in (tmp_path / "complete.bash").read_text(encoding="utf-8")
