"""`memory-client hook`: an agent's event on standard input, what its model is to be told on standard output.

An agent waits for its hooks, so a hook ends within its time whatever the server does, always with exit code 0, and
says nothing where there is nothing to say. What an event maps to is in `hook_events`, what is done for it in
`hook_turn`.
"""

import json
import os
import signal
import sys
import threading
import time

from memory_client import hook_events, settings_file
from memory_client.errors import ClientError
from memory_client.hook_events import OFF

TYPE_CHECKING = False  # typing itself would cost a start 5 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT_S = 1.8
_LIMITS_S = {"SessionEnd": 1.2, "sessionEnd": 1.2}  # Claude Code ends it after 1.5
_MOST_S = 60.0
_MAX_INPUT_BYTES = 4 << 20

HELP = """\
Usage: memory-client hook [EVENT] [--within SECONDS] [--agent NAME] [--verbose]
       memory-client hook --check

What a coding agent runs at its events: it reads the event as JSON from standard input, asks the memory server or tells
it something, and prints what the model is to be told, or nothing. It ends in time, and always with exit code 0.
EVENT is needed only where the JSON has no hook_event_name.

  SessionStart      prints what this project has in memory; after a compaction again, on resume what is new
  UserPromptSubmit  prints what is relevant to the prompt, mostly nothing
  SubagentStart     prints the short version for a subagent
  PostCompact       keeps the summary of the conversation
  Stop              notes what the agent said last
  SessionEnd        closes the session, which makes its summary

Options:
  --within SECONDS  how long it may take (default: 1.8, and 1.2 at the end of a session)
  --agent NAME      the agent, where it is none that can be told from what it says
  --verbose         say on standard error what came of it, and how long it took
  --check           ask the configured server as a hook would, and say in words whether that works
  --help            show this help

Environment, besides that of memory-client:
  MEMORY_HOOKS  all (default); context: print what is in memory, keep nothing; off
  MEMORY_DEBUG  set: as --verbose

Docs: docs/hooks.md
"""


class Hook:
    """One event from start to end. `started` is of the monotonic clock."""

    def __init__(
        self, environ: "Mapping[str, str]", *, event: str | None, agent: str | None, within_s: float | None,
        verbose: bool, started: float,
    ) -> None:  # fmt: skip
        self._environ = environ
        self._event = event
        self._agent = agent
        self._verbose = verbose
        self._started = started
        self._within_s = within_s
        self._limit_s = within_s or _LIMITS_S.get(event or "", _LIMIT_S)
        self._watchdog = self._watch()

    def run(self) -> None:
        """Never raises."""
        try:
            self._report(self._serve())
        except BaseException as error:  # noqa: BLE001 - an agent must not suffer for what goes wrong here
            self._report(str(error) if isinstance(error, ClientError) else f"{type(error).__name__}: {error}")

    def _serve(self) -> str:
        """What came of it, in a sentence."""
        said = _input()  # first: an agent may not expect that nobody reads it
        mode, why = hook_events.mode_of(settings_file.beneath(self._environ))
        if mode == OFF:
            return why or "hooks are off"
        document = _document(said)
        if document is None:
            return "standard input holds no JSON object"
        directory = hook_events.directory_of(document, self._environ)
        request = hook_events.request_of(
            document, event=self._event, mode=mode, directory=directory, agent=self._agent
        )  # fmt: skip
        if isinstance(request, str):
            return request
        self._event = request.event
        self._shorten(self._within_s or _LIMITS_S.get(request.event, _LIMIT_S))
        from memory_client.hook_turn import serve  # 8 ms, which the many events that are nothing to memory do not pay

        return serve(request, self._environ, directory, until=self._started + self._limit_s, tell=_print)

    def _watch(self) -> threading.Timer:
        left_s = self._started + self._limit_s - time.monotonic()
        watchdog = threading.Timer(max(0.0, left_s), self._give_up)
        watchdog.daemon = True
        watchdog.start()
        return watchdog

    def _shorten(self, limit_s: float) -> None:
        if limit_s != self._limit_s:
            self._watchdog.cancel()
            self._limit_s = limit_s
            self._watchdog = self._watch()

    def _give_up(self) -> None:
        self._report("the time is over")
        os._exit(0)

    def _report(self, why: str) -> None:
        if self._verbose:
            took_ms = (time.monotonic() - self._started) * 1000
            _say(f"memory-client hook {self._event or ''}: {why} ({took_ms:.0f} ms)")


def run(arguments: list[str]) -> None:
    """The command `memory-client hook …`. Does not return."""
    started = time.monotonic()
    special = next((argument for argument in arguments if argument in _SPECIAL), None)
    if special is not None:
        sys.exit(_SPECIAL[special](os.environ))
    try:
        # A Ctrl-C that ends the agent reaches its hooks too, and the end of a session is still to be told.
        signal.signal(signal.SIGINT, lambda *_: None)
        _event(arguments, started)
    except BaseException:  # noqa: BLE001, S110 - not even the options may trouble an agent
        pass
    os._exit(0)  # at once: nobody waits for a request that has been given up


def _event(arguments: list[str], started: float) -> None:
    event = agent = within_s = None
    verbose = bool(os.environ.get("MEMORY_DEBUG"))
    rest = iter(arguments)
    for argument in rest:
        if argument == "--verbose":
            verbose = True
        elif argument == "--agent":
            agent = next(rest, None)
        elif argument == "--within":
            within_s = _seconds(next(rest, ""))
        elif not argument.startswith("-"):
            event = argument
        elif verbose:  # not an error: exit code 2 would block the agent
            _say(f"memory-client hook: {argument} is not known; see memory-client hook --help")
    if os.isatty(0):
        _say("memory-client hook reads an event from standard input; see memory-client hook --help")
        return
    Hook(os.environ, event=event, agent=agent, within_s=within_s, verbose=verbose, started=started).run()


def _seconds(text: str) -> float | None:
    """None, which stands for the usual limits, for what is no number of seconds."""
    try:
        return min(max(float(text), 0.5), _MOST_S)
    except ValueError:
        return None


def _help(_: "Mapping[str, str]") -> int:
    sys.stdout.write(HELP)
    return 0


def _check(environ: "Mapping[str, str]") -> int:
    from memory_client.hook_check import check  # for people, who wait for it

    return check(environ, sys.stdout.write)


def _background(environ: "Mapping[str, str]") -> int:
    from memory_client import hook_calls
    from memory_client.target import resolve_target

    try:
        hook_calls.in_background(resolve_target(environ))
    except ClientError:
        return 1  # nobody reads it; the next hook begins anew
    return 0


_SPECIAL = {"--help": _help, "-h": _help, "--check": _check, "--background": _background}


def _input() -> bytes:
    """Standard input, read to its end; nothing if it is closed, or holds more than any event does."""
    parts: list[bytes] = []
    size = 0
    try:
        while part := os.read(0, 1 << 16):
            size += len(part)
            if size <= _MAX_INPUT_BYTES:
                parts.append(part)
    except OSError:
        return b""
    return b"".join(parts) if size <= _MAX_INPUT_BYTES else b""


def _document(data: bytes) -> dict[str, object] | None:
    try:
        document = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _print(text: str) -> None:
    if sys.stdout is not None:  # else its number may be that of a socket by now
        _write_all(1, text)


def _say(text: str) -> None:
    if sys.stderr is not None:
        _write_all(2, text + "\n")


def _write_all(file: int, text: str) -> None:
    rest = memoryview(text.encode("utf-8", "replace"))
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        pass  # nobody reads it
