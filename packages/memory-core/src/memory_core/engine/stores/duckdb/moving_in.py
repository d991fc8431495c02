"""Where the founding project's file lies in the place of ours: a new store is made of it, and takes that place.

The file itself is only read, and then set aside under another name, its log with it. A crash at any point leaves either
it, and the next start begins anew, or the new store, complete and compared with it.
"""

import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import duckdb
import msgspec

from memory_core.counting import counted
from memory_core.engine.founding_files import FoundingFile, opened
from memory_core.engine.ports import EmbeddedEntry, Entry, Vectors
from memory_core.engine.stores.duckdb import exchange, notes, opening
from memory_core.errors import UnavailableError
from memory_core.files import sync_file
from memory_core.types import Memory

_log = logging.getLogger(__name__)


class NewStore(Protocol):
    """What of a store is needed to fill it."""

    def import_entries(self, entries: Sequence[tuple[Entry, Vectors | None]]) -> list[Memory]: ...

    def export(self) -> Iterator[list[EmbeddedEntry]]: ...

    def write_note(self, name: str, value: str | None) -> None: ...

    def close(self) -> None: ...


def move_in(path: Path, open_new: Callable[[Path], NewStore], entry: Callable[[Memory], Entry]) -> None:
    """Put a store of ours in the place of the founding project's at `path`. Raises UnavailableError.

    The caller holds the lock on the store; `entry` is how a memory is analysed.
    """
    remarks: list[str] = []
    kept = exchange.free_name(path.with_name(f"{path.stem}.founding{path.suffix}"))
    try:
        with exchange.workplace(path, exchange.Work.MOVING) as new:
            with opened(path) as file, contextlib.closing(open_new(new)) as store:
                taken = _fill(store, file, entry, remarks)
                _require_all(store, file, path)
                were = counted(taken, "memory was", "memories were")
                said = f"{were} taken over from {path.name} of claude-local-memory-server, now {kept.name}"
                store.write_note(notes.MOVED_IN, said)
            report = new.with_suffix(".txt")
            lines = [said, *(remarks or ["Nothing was left out or changed."]), ""]
            report.write_text("\n".join(lines), encoding="utf-8")
            sync_file(report)
            report.replace(kept.with_suffix(".txt"))
            exchange.exchange(path, new=new, kept=kept)
    except duckdb.Error as error:
        raise UnavailableError(opening.refusal(path, str(error))) from error
    except OSError as error:
        raise UnavailableError(
            f"{path}, a store of claude-local-memory-server, could not be taken over: {error.strerror}; it is unchanged"
        ) from error
    remarked = f"; {len(remarks):,} remarks are in {kept.with_suffix('.txt').name}" if remarks else ""
    _log.warning("%s%s", said, remarked)


def _fill(store: NewStore, file: FoundingFile, entry: Callable[[Memory], Entry], remarks: list[str]) -> int:
    taken = 0
    for batch in file.batches(remarks.append):
        here = store.import_entries([(entry(memory), None) for memory in batch])
        remarks += [f"memory {memory.id}: left out, because another has the same id and time" for memory in here]
        taken += len(batch) - len(here)
    return taken


def _require_all(store: NewStore, file: FoundingFile, path: Path) -> None:
    """Both are read anew, and every memory must be there as the file has it."""
    expected: dict[str, bytes] = {}
    for batch in file.batches(lambda _: None):
        for memory in batch:
            expected.setdefault(memory.id, _digest(memory))
    found = {one.memory.id: _digest(one.memory) for entries in store.export() for one in entries}
    if found != expected:
        wrong = sum(found.get(memory_id) != digest for memory_id, digest in expected.items())
        raise UnavailableError(
            f"{path}, a store of claude-local-memory-server, could not be taken over: {wrong:,} of "
            f"{len(expected):,} memories did not come through whole; it is unchanged: report this"
        )


def _digest(memory: Memory) -> bytes:
    return hashlib.blake2b(msgspec.msgpack.encode(memory), digest_size=16).digest()
