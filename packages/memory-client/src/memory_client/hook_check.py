"""`memory-client hook --check`: whether hooks work here, said in words. For people, setup and doctor."""

import time

from memory_client import __version__, hook_calls, hook_events, local, settings_file
from memory_client.delivery import Courier
from memory_client.errors import ClientError
from memory_client.hook_calls import DONE, Background, Outcome
from memory_client.hook_events import CONTEXT, OFF, Request
from memory_client.target import Target, resolve_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SESSION = "hook-check"
_PATIENCE_S = 10.0  # far more than a hook has: what is slow is to be told from what is dead
_SLOW_MS = 1_000


def check(environ: "Mapping[str, str]", write: "Callable[[str], object]") -> int:
    """A start and an end of a session as an agent would send them; exit code 1 if hooks do not work."""
    try:
        mode, why = hook_events.mode_of(settings_file.beneath(environ))
        if mode == OFF:
            write(f"{why or 'Hooks are off, as MEMORY_HOOKS says'}: nothing is asked, and nothing is kept.\n")
            return 1 if why else 0
        directory = hook_events.directory_of({}, environ)
        target = resolve_target(environ, directory=directory)
        return _check(target, mode, directory, write)
    except ClientError as error:
        write(f"Hooks do not work: {error}\n")
        return 1


def _check(target: Target, mode: str, directory: str | None, write: "Callable[[str], object]") -> int:
    server = target.url
    if server is None:
        server = f"the local memory server (pid {local.connect(target.data_dir, version=__version__).pid})"
    project = "no project" if target.project is None else f"project {target.project.id} ({target.project.why})"
    write(f"Server: {server}. Machine: {target.client_id}. Directory: {project}.\n")

    background = Background()
    start = _request("SessionStart", {"source": "startup"}, mode, directory)
    asked, took_ms = _timed(lambda: hook_calls.ask(target, start, background, until=time.monotonic() + _PATIENCE_S))
    if asked.kind != DONE:
        write(f"SessionStart: {asked.why} ({took_ms:.0f} ms). Hooks do not work.\n")
        return 1
    told = f"{len(asked.text):,} characters of context" if asked.text else "nothing to say, which is well"
    write(f"SessionStart: {told} ({took_ms:.0f} ms).\n")
    slow = took_ms > _SLOW_MS
    if slow:
        write("That is slow: a hook waits 1.8 s at most, and an agent waits with it.\n")

    if mode == CONTEXT:
        write("Nothing is kept of sessions: MEMORY_HOOKS=context.\n")
        return 0
    courier = Courier(target, version=__version__)
    end = hook_calls.entry_of(target, _request("SessionEnd", {"reason": "other"}, mode, directory))
    kept, took_ms = _timed(lambda: hook_calls.deliver(courier, end))
    if kept.kind != DONE:
        write(f"SessionEnd: {kept.why} ({took_ms:.0f} ms). Hooks keep nothing of sessions.\n")
        return 1
    write(f"SessionEnd: {kept.why} ({took_ms:.0f} ms).\n")
    write("Hooks work.\n")
    return 0


def _request(event: str, fields: "Mapping[str, object]", mode: str, directory: str | None) -> Request:
    document = {"session_id": SESSION, "hook_event_name": event, **fields}
    found = hook_events.request_of(document, event=event, mode=mode, directory=directory, agent="check")
    assert isinstance(found, Request), found  # noqa: S101 - these two always are one
    return found


def _timed(call: "Callable[[], Outcome]") -> tuple[Outcome, float]:
    began = time.monotonic()
    outcome = call()
    return outcome, (time.monotonic() - began) * 1000
