"""Kept writes on their way: who may send now, in what order, and what happens to each.

    kept = courier.before(entry)                # earlier writes go first; Queued: this one had to queue behind them
    …send it…                                   # by whatever means the caller has
    kept = courier.keep(entry, why)             # the server is away
    courier.deliver(entry, …)                   # or: send it now after those before it, and be told what came of it
    courier.flush()                             # deliver what waits, now

For bridge, command line, SDK and hooks. Standard library only; safe to use from many threads and processes.
"""

import time

from memory_client import local
from memory_client.errors import ClientError, OutboxError, UnreachableError
from memory_client.outbox import Entry, outbox_of
from memory_client.transport import Transport
from memory_client.verdicts import DELIVERED, LATER, REFUSED, Verdict, verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memory_client.target import Target

_ANSWER_WITHIN_S = 30.0
_TURN_WAIT_S = 2.0  # how long a new write waits for another process that is delivering
_TIME_FOR_OTHERS_S = 10.0  # how long a new write may deliver what was kept before it
_FRESH_FAILURE_S = 5.0  # a server that was away so short a time ago is not asked again for each write


class Queued:
    """A write that is on this machine now: `waiting` with it, `why` it could not be delivered."""

    __slots__ = ("entry", "server", "waiting", "why")

    def __init__(self, entry: Entry, server: str, *, waiting: int, why: str) -> None:
        self.entry = entry
        self.server = server
        self.waiting = waiting
        self.why = why

    def __str__(self) -> str:
        before = self.waiting - 1
        queue = "" if not before else f" after the {before:,} kept before it" if before > 1 else " after the one before"
        why = self.why if self.why.endswith((".", "?")) else f"{self.why}."
        return (
            f"Kept on this machine ({self.entry.id}), not on the server yet: {why} "
            f"It will be delivered{queue} when the server is back; do not send it again."
        )


class Flushed:
    """What became of the entries that waited. `why` the rest still waits, None if nothing does."""

    def __init__(self) -> None:
        self.delivered: list[tuple[Entry, str]] = []  # with what the server said
        self.refused: list[Entry] = []
        self.left = 0
        self.why: str | None = None
        self.pause_s: float | None = None
        self.busy = False  # another process is delivering
        self.no_key = False  # the server does not take our key: to try again at once is of no use


class Courier:
    """Delivers to the server of `target` what waits for it. Raises OutboxError where the outbox cannot be used.

    `tell` is called with what became of entries, whoever asked for it. Without `starting`, a local server is used if
    one runs, and none is started.
    """

    def __init__(
        self, target: "Target", *, version: str, tell: "Callable[[Flushed], None]" = lambda _: None,
        starting: bool = True,
    ) -> None:  # fmt: skip
        self.tell = tell
        self.outbox = outbox_of(target)
        self.name = target.url or "the local memory server"
        self._target = target
        self._version = version
        self._starting = starting
        self._failed_at = -_FRESH_FAILURE_S
        self._failure = ""

    def before(self, entry: Entry) -> Queued | None:
        """Let what was kept earlier go first. None: `entry` may be sent now. Raises OutboxError as `keep` does."""
        if not self._waits():
            return None
        if time.monotonic() - self._failed_at < _FRESH_FAILURE_S:
            return self.keep(entry, self._failure)
        flushed = self.flush(turn_within_s=_TURN_WAIT_S, within_s=_TIME_FOR_OTHERS_S)
        if flushed.why is None:
            return None
        kept = self.keep(entry, flushed.why)
        if flushed.busy:  # who was delivering may have looked for the last time just before
            self.flush(turn_within_s=0.0, within_s=_TIME_FOR_OTHERS_S)
        return kept

    def deliver(self, entry: Entry, *, turn_within_s: float, within_s: float) -> Verdict:
        """Send `entry` now, after what was kept before it. LATER: it is for the caller to `keep`.

        Raises UnreachableError: nobody answered, and the same holds.
        """
        if self._waits():
            flushed = self.flush(turn_within_s=turn_within_s, within_s=within_s)
            if flushed.why is not None:
                return Verdict(LATER, flushed.why)
        transport = self._transport()
        try:
            return _sent(transport, entry)
        finally:
            transport.close()

    def _waits(self) -> bool:
        try:
            return bool(self.outbox.waiting())
        except OutboxError:  # a file of a newer version, for one: what may wait there does not stop what can be sent
            return False

    def keep(self, entry: Entry, why: str) -> Queued:
        """Raises OutboxError: then it is neither kept nor delivered."""
        self._failed_at, self._failure = time.monotonic(), why
        try:
            waiting = self.outbox.keep(entry)
        except OutboxError as error:
            raise OutboxError(f"{why}; and it could not be kept on this machine: {error}") from error
        return Queued(entry, self.name, waiting=waiting, why=why)

    def server_is_back(self) -> None:
        """It has just answered something: the next write is to be tried at once."""
        self._failed_at = -_FRESH_FAILURE_S

    def flush(self, *, turn_within_s: float = 0.0, within_s: float = 600.0) -> Flushed:
        """Deliver in order until nothing waits, the server does not take more, or the time is over."""
        flushed = Flushed()
        if self.outbox.empty():
            return flushed
        turn = self.outbox.sending()
        if not self.outbox.taken(turn, within_s=turn_within_s):
            flushed.left = len(self.outbox.waiting())
            flushed.busy = True
            flushed.why = "another process is delivering what was kept before" if flushed.left else None
            return flushed
        transport: Transport | None = None
        deadline = time.monotonic() + within_s
        try:
            while flushed.why is None and (waiting := self.outbox.waiting()):
                transport = transport or self._transport()
                self._deliver(waiting, transport, flushed, deadline)
        except OutboxError:
            raise
        except ClientError as error:
            self._later(flushed, str(error))
        finally:
            turn.release()
            if transport is not None:
                transport.close()
            self.tell(flushed)
        if flushed.why is not None:
            flushed.left = len(self.outbox.waiting())
        return flushed

    def _deliver(self, waiting: list[Entry], transport: Transport, flushed: Flushed, deadline: float) -> None:
        for at, entry in enumerate(waiting):
            found = _sent(transport, entry)
            while found.kind == LATER and found.pause_s and time.monotonic() + found.pause_s < deadline:
                time.sleep(found.pause_s)  # the server said how long
                found = _sent(transport, entry)
            if found.kind == LATER:
                flushed.pause_s, flushed.no_key = found.pause_s, found.no_key
                self._later(flushed, found.said)
                return
            try:
                self._note(entry, found, flushed)
            except OutboxError as error:  # it will be sent once more, and the server knows it by its key
                flushed.why = f"what was delivered cannot be noted: {error}"
                return
            if time.monotonic() > deadline and at + 1 < len(waiting):
                flushed.why = f"{self.name} is still taking what was kept before"
                return

    def _note(self, entry: Entry, found: Verdict, flushed: Flushed) -> None:
        self.server_is_back()
        if found.kind == DELIVERED:
            self.outbox.settle(entry)
            flushed.delivered.append((entry, found.said))
        elif entry.by_hook:  # the end of a session that the server never heard of, for one
            self.outbox.settle(entry)
        else:
            self.outbox.refuse(entry, found.said)
            flushed.refused.append(entry)

    def _later(self, flushed: Flushed, why: str) -> None:
        flushed.why = why
        self._failed_at, self._failure = time.monotonic(), why

    def _transport(self) -> Transport:
        """Raises UnreachableError: the local server cannot be started."""
        target, agent = self._target, f"memory-client/{self._version}"
        url, key = target.url, target.key
        if url is None:
            endpoint = self._local()
            url, key = endpoint.url, endpoint.key
        headers = {"User-Agent": agent} if key is None else {"User-Agent": agent, "X-API-Key": key}
        return Transport(url, headers=headers, proxy=target.proxy, silence_timeout_s=_ANSWER_WITHIN_S)

    def _local(self) -> local.Endpoint:
        if self._starting:
            return local.connect(self._target.data_dir, version=self._version)
        endpoint = local.find(self._target.data_dir)
        if endpoint is None:
            raise UnreachableError("the local memory server does not run")
        return endpoint


def _sent(transport: Transport, entry: Entry) -> Verdict:
    # How long ago, not when: this machine's clock may be another one than the server's.
    headers = {**entry.headers, "X-Written-Ago": str(max(0, int(time.time() - entry.at)))}
    body = entry.body.encode("utf-8", "surrogatepass")
    with transport.request(entry.method, entry.path, body=body, headers=headers) as answer:
        found = verdict(transport.name, answer.status, answer.headers, answer.read())
    if found.no_route and entry.by_hook:
        return Verdict(REFUSED, f"{transport.name} is older than this machine's hooks, and keeps no sessions")
    return found
