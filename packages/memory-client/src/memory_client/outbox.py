"""Writes that could not be delivered, kept on this machine until they are: one file for each server.

A write is kept as the request that it was, with its idempotency key and without the API key, and is sent again as it
is. Sending is in `delivery`; how the file stays whole in `journal`. Raises OutboxError.
"""

import json
import os
import time

from memory_client.errors import OutboxError
from memory_client.journal import Journal, Record, check_head, framed, head
from memory_client.target import OUTBOX_FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from memory_client.target import Target
    from memory_core.files import FileLock

MAX_ENTRIES = 1000
MAX_BYTES = 16 << 20
KEY_HEADER = "Idempotency-Key"
HOOK_VERB = "hook "
"""What the verbs of writes begin with that a hook made."""

_SUFFIX = ".log"
_SHOWN_CHARS = 100


class Entry:
    """One write. `refusal` is the server's sentence once it has refused it; `told` that somebody has been told."""

    __slots__ = ("at", "body", "headers", "key", "method", "path", "refusal", "told", "verb")

    def __init__(
        self, *, verb: str, method: str, path: str, headers: "Mapping[str, str]", body: str, key: str, at: float,
        refusal: str | None = None, told: bool = False,
    ) -> None:  # fmt: skip
        self.verb = verb
        self.method = method
        self.path = path
        self.headers = dict(headers)
        self.body = body
        self.key = key
        self.at = at
        self.refusal = refusal
        self.told = told

    @property
    def id(self) -> str:
        return self.key[:8]

    @property
    def what(self) -> str:
        """The write in a line: its verb, and the beginning of its text."""
        shown = shortened(_text(self.body))
        return f"{self.verb}: {shown}" if shown else self.verb

    @property
    def by_hook(self) -> bool:
        """Nobody waits to hear what became of it, and nobody could mend it."""
        return self.verb.startswith(HOOK_VERB)

    def record(self) -> Record:
        fields = ("verb", "method", "path", "headers", "body", "key", "at")
        return {"kind": "write", **{name: getattr(self, name) for name in fields}}


def written(verb: str, method: str, path: str, headers: "Mapping[str, str]", body: bytes) -> Entry:
    """A write of this moment. `verb` says what it does, for people; its key is that of `headers`, or a new one."""
    key = headers.get(KEY_HEADER) or new_key()
    headers = {**headers, KEY_HEADER: key}
    return Entry(verb=verb, method=method, path=path, headers=headers, body=body.decode(), key=key, at=time.time())


def shortened(text: str) -> str:
    """The beginning of `text` on one line."""
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1].rstrip()}…"


def new_key() -> str:
    """By which a server knows a request again."""
    return os.urandom(16).hex()


class Outbox:
    """What waits for `server`, which names it in whatever way is stable, in a folder of `data_dir`."""

    def __init__(self, data_dir: str, server: str) -> None:
        self.server = server
        self.path = os.path.join(data_dir, OUTBOX_FOLDER, _file_name(server))

    def empty(self) -> bool:
        """Whether the file holds nothing at all; costs a look at its size. Raises OutboxError."""
        try:
            return os.stat(self.path).st_size <= len(head(self.server))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            raise OutboxError(f"{self.path} cannot be read: {error.strerror}") from None

    def entries(self) -> list[Entry]:
        """All, in the order in which they were written: those that wait, and those that were refused."""
        if self.empty():
            return []
        with Journal(self.path, self.server) as journal:
            return list(_live(journal).values())

    def waiting(self) -> list[Entry]:
        return [entry for entry in self.entries() if entry.refusal is None]

    def damaged(self) -> int:
        """Lines that something has damaged: they stay in the file, and nobody can read them."""
        if self.empty():
            return 0
        with Journal(self.path, self.server) as journal:
            return len(journal.damaged)

    def keep(self, entry: Entry) -> int:
        """Keep it durably, behind what waits; how many wait now. Raises OutboxError: then it is not kept."""
        with Journal(self.path, self.server) as journal:
            live = _live(journal)
            if len(live) >= MAX_ENTRIES:
                raise OutboxError(f"{MAX_ENTRIES:,} writes are kept for {self.server} already; {_MAKE_ROOM}")
            size = len(framed(entry.record()))
            if journal.end + size > MAX_BYTES:
                journal.replace(_records(live.values()))
            if journal.end + size > MAX_BYTES:
                raise OutboxError(f"{MAX_BYTES >> 20} MB are kept for {self.server} already; {_MAKE_ROOM}")
            journal.append(entry.record())
            return 1 + sum(other.refusal is None for other in live.values())

    def settle(self, entry: Entry) -> None:
        """It is delivered. Not durable at once: after a power cut it is sent again, and the server knows its key."""
        self._remove({entry.key}, durable=False)

    def refuse(self, entry: Entry, sentence: str) -> None:
        """The server will not have it. It stays, out of the way of the others."""
        entry.refusal = sentence
        with Journal(self.path, self.server) as journal:
            journal.append({"kind": "refused", "key": entry.key, "why": sentence})

    def drop(self, keys: "Iterable[str]") -> None:
        self._remove(set(keys), durable=True)

    def clear(self) -> None:
        """Drop everything, what is damaged too."""
        with Journal(self.path, self.server) as journal:
            journal.damaged = []
            journal.replace([])

    def news(self) -> list[Entry]:
        """What was refused and nobody was told of; from now on somebody was."""
        if all(entry.told or entry.refusal is None for entry in self.entries()):
            return []
        with Journal(self.path, self.server) as journal:
            found = [entry for entry in _live(journal).values() if entry.refusal is not None and not entry.told]
            for entry in found:
                journal.append({"kind": "told", "key": entry.key})
            return found

    def sending(self) -> "FileLock":
        """The lock of whoever delivers; not acquired yet."""
        from pathlib import Path  # as in journal

        from memory_core.files import FileLock

        return FileLock(Path(f"{self.path}.sending"))

    def taken(self, turn: "FileLock", *, within_s: float) -> bool:
        """Whether `turn`, which is a `sending`, was acquired in that time. Raises OutboxError."""
        try:
            return turn.acquire(timeout_s=within_s)
        except OSError as error:
            raise OutboxError(f"{turn.path} cannot be used: {error.strerror}") from None

    def _remove(self, keys: set[str], *, durable: bool) -> None:
        with Journal(self.path, self.server) as journal:
            left = [entry for key, entry in _live(journal).items() if key not in keys]
            if not left:
                journal.replace([])
                return
            for key in keys:
                journal.append({"kind": "gone", "key": key}, durable=durable)


_MAKE_ROOM = "deliver them with `claude-memory outbox flush`, or make room with `claude-memory outbox drop`"


def outbox_of(target: "Target") -> Outbox:
    return Outbox(target.data_dir, "local" if target.url is None else target.url)


def outboxes(data_dir: str) -> tuple[list[Outbox], list[str]]:
    """One for each server that something was ever kept for, and a sentence for each file that cannot be read."""
    folder = os.path.join(data_dir, OUTBOX_FOLDER)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(_SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError as error:
        return [], [f"{folder} cannot be read: {error.strerror}"]
    found: list[Outbox] = []
    unreadable: list[str] = []
    for name in names:
        path = os.path.join(folder, name)
        try:
            with open(path, "rb") as file:
                line = file.readline(4096)
            if line.endswith(b"\n"):
                found.append(Outbox(data_dir, check_head(path, line.rstrip(b"\n"))))
        except OSError as error:
            unreadable.append(f"{path} cannot be read: {error.strerror}")
        except OutboxError as error:
            unreadable.append(str(error))
    return found, unreadable


def _live(journal: Journal) -> dict[str, Entry]:
    live: dict[str, Entry] = {}
    for record in journal.records:
        kind, key = record.get("kind"), str(record.get("key"))
        if kind == "write":
            live[key] = Entry(**{name: value for name, value in record.items() if name != "kind"})  # type: ignore[arg-type]  # it carries its checksum
        elif key not in live:
            continue
        elif kind == "gone":
            del live[key]
        elif kind == "refused":
            live[key].refusal = str(record.get("why"))
        elif kind == "told":
            live[key].told = True
    return live


def _records(entries: "Iterable[Entry]") -> "Iterable[Record]":
    for entry in entries:
        yield entry.record()
        if entry.refusal is not None:
            yield {"kind": "refused", "key": entry.key, "why": entry.refusal}
        if entry.told:
            yield {"kind": "told", "key": entry.key}


def _text(body: str) -> str:
    """The content among a tool's arguments, or the fields of a REST body; else the longest text there."""
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    params = document.get("params") if isinstance(document, dict) else None
    fields = params.get("arguments") if isinstance(params, dict) else document
    texts = (
        {name: value for name, value in fields.items() if isinstance(value, str)} if isinstance(fields, dict) else {}
    )
    return texts.get("content") or max(texts.values(), key=len, default="")


def _file_name(server: str) -> str:
    safe = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else f"%{ord(c):02X}" for c in server)
    if len(safe) > 180:
        from hashlib import sha256  # few servers have such a name

        safe = f"{safe[:100]}-{sha256(server.encode()).hexdigest()[:32]}"
    return safe + _SUFFIX
