"""The bridge's writes: sent once, kept while the server is away, delivered in the background.

A kept write is answered at once, in a sentence; the next tool result tells what became of it. Loaded with the first
write, or where an earlier session may have left something.
"""

import threading
import time

from memory_client import messages
from memory_client.connection import Ticket
from memory_client.delivery import Courier, Flushed
from memory_client.errors import CancelledError, ClientError, OutboxError, is_away
from memory_client.exchange import Reply, ask
from memory_client.messages import Message
from memory_client.outbox import Entry, shortened, written
from memory_client.upstream import Upstream, mcp_headers
from memory_core.counting import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memory_client.target import Target

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_TOLD_IN_FULL = 5


class Keeper:
    """Has what waits for one server. `log` takes a line for whoever reads standard error."""

    def __init__(self, upstream: Upstream, target: "Target", *, version: str, log: "Callable[[str], None]") -> None:
        self._upstream = upstream
        self._identity = mcp_headers(target)
        self._courier = Courier(target, version=version, tell=self._tell)
        self._log = log
        self._news: list[str] = []
        self._lock = threading.Lock()
        self._delivering = False
        self._contact = threading.Event()

    def start(self) -> None:
        """Begin to deliver what an earlier session left."""
        try:
            if not self._courier.outbox.empty():
                self._deliver_soon()
        except OutboxError as error:
            self._log(str(error))

    def ask(
        self, message: Message, negotiated: str | None, ticket: Ticket, emit: "Callable[[bytes], None]"
    ) -> tuple[Reply, bytes, bool]:
        """As `Outgoing.ask`, for a message that writes."""
        headers = {**self._identity, **message.headers(negotiated)}
        entry = written(str(message.params.get("name")), "POST", "/mcp", headers, message.raw)
        kept = self._courier.before(entry)
        if kept is None:
            try:
                return *ask(self._upstream, message, negotiated, ticket, emit, key=entry.key), True
            except ClientError as error:
                if not is_away(error):
                    raise
                kept = self._courier.keep(entry, str(error))
        if ticket.cancelled:  # nobody wants it any more
            self._courier.outbox.drop([entry.key])
            raise CancelledError("the request was cancelled")
        self._log(str(kept))
        self._deliver_soon()
        return {}, messages.told(message, str(kept)), False

    def heard(self) -> None:
        """The server has just answered something."""
        self._contact.set()
        self._courier.server_is_back()

    def with_news(self, message: Message, reply: Reply, line: bytes) -> bytes:
        """The line for `reply`; in a tool result, which a model reads, with what became of kept writes."""
        result = reply.get("result")
        content = result.get("content") if isinstance(result, dict) and message.method == "tools/call" else None
        news = self._take_news() if isinstance(content, list) else []
        if not news or not isinstance(result, dict) or not isinstance(content, list):
            return line
        parts = [*content, {"type": "text", "text": "\n".join(news)}]
        return messages.line_of({**reply, "result": {**result, "content": parts}})

    def _take_news(self) -> list[str]:
        with self._lock:
            news, self._news = self._news, []
        try:
            if not self._courier.outbox.empty():
                news += [_refusal(entry) for entry in self._courier.outbox.news()]
        except OutboxError as error:
            self._log(str(error))
        return news

    def _deliver_soon(self) -> None:
        with self._lock:
            if self._delivering:
                return
            self._delivering = True
        threading.Thread(target=self._deliver, name="outbox", daemon=True).start()

    def _deliver(self) -> None:
        """Until nothing waits: try, tell, and look again when the server has been heard or some time has passed."""
        pause_s = _FIRST_PAUSE_S
        while True:
            self._contact.clear()
            self._upstream.wait_for_contact()
            try:
                flushed = self._courier.flush()
            except Exception as error:  # noqa: BLE001 - the thread must not end while something waits
                self._log(f"what was kept cannot be delivered now: {error}")
                flushed = Flushed()
                flushed.why = str(error)
            if flushed.no_key:
                self._log(f"{counted(flushed.left, 'write')} kept on this machine cannot be delivered: {flushed.why}")
            with self._lock:
                if flushed.no_key or (flushed.why is None and self._nothing_left()):
                    self._delivering = False
                    return
            if flushed.pause_s is not None:
                time.sleep(flushed.pause_s)  # the server is there, and wants to be left alone
            else:
                self._contact.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _nothing_left(self) -> bool:
        """Asked under the lock, so that whoever keeps something after this starts anew."""
        try:
            return not self._courier.outbox.waiting()
        except OutboxError:
            return False

    def _tell(self, flushed: Flushed) -> None:
        delivered = [(entry, text) for entry, text in flushed.delivered if not entry.by_hook]
        if delivered:
            count = len(delivered)
            said = [f"- {_line(entry.what)} → {_line(text.partition(chr(10))[0])}" for entry, text in delivered]
            more = [f"- and {count - _TOLD_IN_FULL:,} more"] if count > _TOLD_IN_FULL else []
            with self._lock:
                self._news += [
                    f"Delivered meanwhile, {counted(count, 'write')} kept on this machine:",
                    *said[:_TOLD_IN_FULL],
                    *more,
                ]
            self._log(f"delivered {counted(count, 'write')} kept on this machine")
        for entry in flushed.refused:
            self._log(f"the server refused {entry.verb} ({entry.id}); see claude-memory outbox list")


def _refusal(entry: Entry) -> str:
    said = f"{_line(entry.what)} → {_line(entry.refusal or '')}"
    return f"Refused by the server, and kept on this machine ({entry.id}): {said}"


def _line(text: str) -> str:
    """A model reads it among what the bridge says itself."""
    from memory_core.visible import one_line, unfenced  # 2 ms, and only where something was kept

    return shortened(unfenced(one_line(text)))
