"""The bridge's way to the server. What would change something goes through `keeping`, and is not lost.

Knows no tool: whether a call writes follows from what the server says of its tools.
"""

import os
import threading

from memory_client.connection import Ticket
from memory_client.exchange import Reply, ask
from memory_client.messages import Message
from memory_client.offline import Answers
from memory_client.target import OUTBOX_FOLDER
from memory_client.upstream import Upstream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memory_client.keeping import Keeper
    from memory_client.target import Target


class Outgoing:
    """Without `target` nothing is kept. `log` takes a line for whoever reads standard error."""

    def __init__(
        self, upstream: Upstream, answers: Answers, target: "Target | None", *, version: str,
        log: "Callable[[str], None]",
    ) -> None:  # fmt: skip
        self._upstream = upstream
        self._answers = answers
        self._target = target
        self._version = version
        self._log = log
        self._keeper: Keeper | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to deliver what an earlier session left, if it left anything."""
        if self._target is not None and os.path.isdir(os.path.join(self._target.data_dir, OUTBOX_FOLDER)):
            self._kept_by(self._target).start()

    def ask(
        self, message: Message, negotiated: str | None, ticket: Ticket, emit: "Callable[[bytes], None]"
    ) -> tuple[Reply, bytes, bool]:
        """The reply to `message`, as a document and as a line; False if it is not the server's. Raises ClientError."""
        if self._target is None or not self._answers.changes(message):
            return *ask(self._upstream, message, negotiated, ticket, emit), True
        return self._kept_by(self._target).ask(message, negotiated, ticket, emit)

    def heard(self) -> None:
        """The server has just answered something."""
        if self._keeper is not None:
            self._keeper.heard()

    def with_news(self, message: Message, reply: Reply, line: bytes) -> bytes:
        """The line for `reply`; in a tool result, which a model reads, with what became of kept writes."""
        return line if self._keeper is None else self._keeper.with_news(message, reply, line)

    def _kept_by(self, target: "Target") -> "Keeper":
        from memory_client.keeping import Keeper  # 3 ms, which a start does not pay

        with self._lock:
            if self._keeper is None:
                self._keeper = Keeper(self._upstream, target, version=self._version, log=self._log)
            return self._keeper
