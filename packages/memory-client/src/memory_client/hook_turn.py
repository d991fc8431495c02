"""What is done for one event within its time: the server is asked, or told, or what it was to be told is kept here."""

import threading
import time

from memory_client import __version__, hook_calls, hook_events
from memory_client.errors import ClientError, OutboxError
from memory_client.hook_calls import AWAY, DONE, FAILED, Background, Outcome
from memory_client.target import Target, resolve_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from memory_client.hook_events import Request

_TO_PRINT_S = 0.05
_TO_KEEP_S = 0.45  # what writes must be on disk before the time is over
_MAX_OUTPUT_CHARS = 9_500  # of 10,000 that Claude Code takes
_LATE = "the server did not answer in time"


def serve(
    request: "Request", environ: "Mapping[str, str]", directory: str | None, *, until: float,
    tell: "Callable[[str], None]",
) -> str:  # fmt: skip
    """What came of it, in a sentence. `tell` takes the line for the agent. Raises SettingError."""
    target = resolve_target(environ, directory=directory)
    background = Background()
    if request.writes:
        return _write(target, request, background, until - _TO_KEEP_S)
    return _ask(target, request, background, until - _TO_PRINT_S, tell)


def _ask(
    target: Target, request: "Request", background: Background, until: float, tell: "Callable[[str], None]"
) -> str:
    outcome = _within(until, lambda: hook_calls.ask(target, request, background, until=until))
    if outcome is None:
        return _LATE
    if outcome.text:
        tell(hook_events.printed(request, outcome.text, _MAX_OUTPUT_CHARS))
    if outcome.kind == DONE and hook_calls.something_waits(target):
        background.begin()
    return outcome.why


def _write(target: Target, request: "Request", background: Background, until: float) -> str:
    from memory_client.delivery import Courier  # 3 ms, which what only asks does not pay

    courier = Courier(target, version=__version__, starting=False)
    entry = hook_calls.entry_of(target, request)
    outcome = _within(until, lambda: hook_calls.deliver(courier, entry)) or Outcome(AWAY, _LATE)
    if outcome.kind != AWAY:
        return outcome.why
    try:  # it may be on its way all the same: its key lets the server do it once
        kept = courier.keep(entry, outcome.why)
    except OutboxError as error:
        return str(error)
    if target.url is None:
        background.begin()  # elsewhere, whoever next hears the server delivers
    return str(kept)


def _within(until: float, call: "Callable[[], Outcome]") -> Outcome | None:
    """What `call` comes to, None if that takes longer. It then goes on, until this process ends."""
    outcomes: list[Outcome] = []
    finished = threading.Event()

    def work() -> None:
        try:
            outcomes.append(call())
        except Exception as error:  # noqa: BLE001 - whoever waits must be told, whatever it was
            kind = AWAY if isinstance(error, ClientError) else FAILED
            outcomes.append(Outcome(kind, str(error) or type(error).__name__))
        finally:
            finished.set()

    threading.Thread(target=work, daemon=True).start()
    finished.wait(max(0.0, until - time.monotonic()))
    return outcomes[0] if outcomes else None
