"""MCP over stdio for a server that speaks MCP over HTTP: each line is posted to `/mcp`, each answer is a line.

Transparent: it knows no tool, and both protocol eras pass. It ends when its input does, and for no other reason: a
server that is away, restarts or was never started is answered for, in a sentence or from memory, and found again.
"""

import os
import threading

from memory_client import messages, stdio
from memory_client.connection import Ticket
from memory_client.errors import CancelledError, ClientError, RejectedError
from memory_client.exchange import Reply
from memory_client.messages import MalformedError, Message
from memory_client.offline import Answers
from memory_client.outgoing import Outgoing
from memory_client.pool import Pool
from memory_client.stdio import LineWriter
from memory_client.upstream import Upstream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memory_client.target import Target

_CONCURRENT_REQUESTS = 32
_PATIENCE_S = 1.5  # how long a start may wait for a server before it is answered from memory
_LAST_ANSWERS_S = 30.0  # how long answers may still come after the input has ended
_AWAY = frozenset({404, 405, 408, 421, 429, 500, 502, 503, 504})  # no word of the server itself, or not now
_LONGEST_PAUSE_S = 30.0  # between two looks for a server that is away
_ENDLESS = "subscriptions/listen"


class Pending:
    """A request that is being served. Whoever takes it first gives its one reply."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.ticket = Ticket()
        self.done = threading.Event()
        self._lock = threading.Lock()
        self._taken = False
        self._from_memory = False

    def take(self, *, from_memory: bool = False) -> bool:
        with self._lock:
            if self._taken or self.ticket.cancelled:
                return False
            self._taken, self._from_memory = True, from_memory
            return True

    @property
    def matters(self) -> bool:
        """Whether what the server says is still wanted once the client's input has ended."""
        return not (self._from_memory or self.ticket.cancelled or self.message.method == _ENDLESS)


class Bridge:
    """Serves one client on a pair of file descriptors until it ends its side. Without `target` no write is kept."""

    def __init__(
        self, upstream: Upstream, answers: Answers, target: "Target | None" = None, *, version: str = "0",
        stdin: int = 0, stdout: int = 1,
    ) -> None:  # fmt: skip
        self._upstream = upstream
        self._answers = answers
        self._outgoing = Outgoing(upstream, answers, target, version=version, log=_log)
        self._stdin = stdin
        self._out = LineWriter(stdout)
        self._pending: dict[messages.Id, Pending] = {}
        self._requests = Pool(_CONCURRENT_REQUESTS)
        self._in_order = Pool(1)
        self._negotiated: str | None = None
        self._told: Reply | None = None  # the list of tools that the client has from memory
        self._watching = False
        self._contact = threading.Event()  # the server has just answered
        self._lock = threading.Lock()

    def run(self) -> None:
        self._outgoing.start()
        for line in stdio.lines(self._stdin):
            if line is None:
                text = f"A line has at most {stdio.MAX_LINE_BYTES >> 20} MB"
                self._out.write(messages.error(None, messages.INVALID_REQUEST, text))
            elif line.strip():
                self._receive(line.strip())
        self._requests.wait(_LAST_ANSWERS_S, apart_from=self._unwanted)
        self._in_order.wait(_PATIENCE_S, apart_from=lambda: 0)

    def _receive(self, line: bytes) -> None:
        try:
            message = messages.parsed(line)
        except MalformedError as malformed:
            for reply in malformed.replies:
                self._out.write(reply)
            return
        if message.id is None:
            self._notified(message)
        elif message.method == "ping" and message.version is None:
            self._out.write(messages.answer(message, {}))
        else:
            pending = Pending(message)
            self._pending[message.id] = pending
            told = self._answers.serves(message) and self._upstream.away() and self._recall(pending)
            self._requests.run(lambda: self._serve(pending))
            if self._answers.serves(message) and not told:
                self._be_patient(pending)

    def _notified(self, message: Message) -> None:
        if message.method != "notifications/cancelled":
            self._in_order.run(lambda: self._pass_on(message))
            return
        cancelled = message.params.get("requestId")
        pending = self._pending.get(cancelled) if isinstance(cancelled, (str, int, float)) else None
        if pending is not None:
            pending.ticket.cancel()

    def _be_patient(self, pending: Pending) -> None:
        """What a client asks at its start is answered soon: by the server, else from memory."""
        if pending.message.method == "initialize":  # whatever comes next depends on it
            if not pending.done.wait(_PATIENCE_S):
                self._recall(pending)
        else:
            timer = threading.Timer(_PATIENCE_S, self._recall, [pending])
            timer.daemon = True
            timer.start()

    def _recall(self, pending: Pending) -> bool:
        """Reply from memory, and watch for the server; False if there is nothing to tell."""
        result = self._answers.get(pending.message)
        if result is None:
            return False
        if pending.take(from_memory=True):
            self._agree(pending.message, result)
            if pending.message.method == "tools/list":
                self._told = result
            self._out.write(messages.answer(pending.message, result))
            self._watch(pending.message)
        return True

    def _serve(self, pending: Pending) -> None:
        message = pending.message
        try:
            reply, line, heard = self._ask(pending)
        except CancelledError:
            pass
        except ClientError as error:
            status = error.status if isinstance(error, RejectedError) else None
            if (status is not None and status not in _AWAY) or not self._recall(pending):
                self._fail(pending, f"Memory is not available now: {error}")
        except Exception as error:  # noqa: BLE001 - a request gets its reply, whatever happens here
            _log(f"{message.method}: {type(error).__name__}: {error}")
            self._fail(pending, f"Memory is not available now: the bridge met {type(error).__name__}: {error}")
        else:
            if heard:
                self._contact.set()
                self._outgoing.heard()
            result = reply.get("result")
            if isinstance(result, dict):
                self._agree(message, result)
            if pending.take():
                self._out.write(self._outgoing.with_news(message, reply, line) if heard else line)
            if isinstance(result, dict):
                self._answers.keep(message, result)
        finally:
            pending.done.set()
            if self._pending.get(_id(message)) is pending:
                del self._pending[_id(message)]

    def _fail(self, pending: Pending, sentence: str) -> None:
        if pending.take():
            self._out.write(messages.failed(pending.message, sentence))

    def _ask(self, pending: Pending) -> tuple[Reply, bytes, bool]:
        return self._outgoing.ask(pending.message, self._negotiated, pending.ticket, self._out.write)

    def _pass_on(self, message: Message) -> None:
        """A notification, or an answer to the server: nothing comes back, and no one waits for it."""
        try:
            with self._upstream.post(message.raw, message.headers(self._negotiated), None) as answer:
                answer.read()
        except ClientError as error:
            _log(f"{message.method or 'an answer'} was not delivered: {error}")

    def _agree(self, message: Message, result: Reply) -> None:
        version = result.get("protocolVersion")
        if message.method == "initialize" and isinstance(version, str):
            self._negotiated = version

    def _watch(self, message: Message) -> None:
        """Once the client has been told something from memory: see what the server says when it is back."""
        with self._lock:
            if self._watching:
                return
            self._watching = True
        self._upstream.seek()
        threading.Thread(target=self._compare, args=[message.version], name="watch", daemon=True).start()

    def _compare(self, version: str | None) -> None:
        pending = Pending(messages.request("tools/list", version))
        reply: Reply | None = None
        pause_s = 0.5
        while reply is None:
            self._upstream.wait_for_contact()
            self._contact.clear()
            try:
                reply, _, _ = self._ask(pending)
            except ClientError:
                self._contact.wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        with self._lock:
            self._watching = False
        result = reply.get("result")
        if not isinstance(result, dict):
            return
        self._answers.keep(pending.message, result)
        told, self._told = self._told, None
        # In the era without `initialize` only a subscription may carry this; its lists expire at once instead.
        if version is None and told is not None and told.get("tools") != result.get("tools"):
            self._out.write(messages.notification("notifications/tools/list_changed"))

    def _unwanted(self) -> int:
        return sum(not pending.matters for pending in list(self._pending.values()))


def _id(message: Message) -> messages.Id:
    assert message.id is not None  # noqa: S101 - a request has one
    return message.id


def _log(text: str) -> None:
    try:
        os.write(2, f"memory-client: {text}\n".encode("utf-8", "replace"))
    except OSError:
        pass  # nobody reads it
