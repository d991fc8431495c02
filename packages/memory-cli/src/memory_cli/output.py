"""Where words go: results to standard output, everything else to standard error.

A terminal gets tables and colours, a pipe plain lines that stay as they are, `--json` the structs of the wire.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from memory_cli.render import memory_line, visible
from memory_client.delivery import Queued
from memory_core.changes import left_out
from memory_core.errors import MemoryServiceError
from memory_core.memories import Progress
from memory_core.types import Memory
from memory_core.visible import visible as spelled_out

if TYPE_CHECKING:
    from rich.console import Console


class QueuedReport(msgspec.Struct, frozen=True, kw_only=True):
    """A write that waits in the outbox; `id` is its id there."""

    kept: bool = True
    id: str
    server: str
    waiting: int
    why: str


class DeclinedError(MemoryServiceError):
    """The person said no."""


class Output:
    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.is_terminal = sys.stdout.isatty()

    def say(self, text: str) -> None:
        sys.stdout.write(f"{visible(text)}\n")

    def note(self, text: str) -> None:
        """Something beside the result: never on standard output, which programs read."""
        sys.stdout.flush()
        sys.stderr.write(f"claude-memory: {visible(text)}\n")

    def left_out(self, redacted: Sequence[str]) -> None:
        if redacted:
            self.note(left_out(redacted))

    def give(self, data: object, text: str) -> None:
        """The result: `data` as JSON where that was asked for, else `text`."""
        if self.as_json:
            self.json(data)
        else:
            self.say(text)

    def queued(self, queued: Queued) -> None:
        """A write that the server has not got yet. A memory has no id yet: a pipe gets none."""
        if self.as_json:
            self.json(QueuedReport(id=queued.entry.id, server=queued.server, waiting=queued.waiting, why=queued.why))
        elif self.is_terminal:
            self.say(visible(str(queued)))
        else:
            self.note(visible(str(queued)))

    def json(self, data: object) -> None:
        encoded = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
        # JSON escapes C0 by itself; a terminal may obey C1, and show what follows a bidirectional mark reversed.
        safe = spelled_out(encoded, _in_json)
        sys.stdout.flush()
        sys.stdout.buffer.write(safe.encode() + b"\n")
        sys.stdout.buffer.flush()

    def memories(self, found: Sequence[Memory], *, project_id: str | None) -> None:
        if not self.is_terminal:
            for memory in found:
                self.say(memory_line(memory))
        elif found:
            from memory_cli.tables import print_memories  # rich costs 60 ms, and only a terminal needs it

            print_memories(self.console(), found, project_id=project_id)

    def console(self) -> "Console":
        from rich.console import Console  # as above

        return Console(highlight=False, markup=False, emoji=False)

    @contextmanager
    def progress(self, title: str, *, unit_is_bytes: bool = False) -> Iterator[Progress]:
        """A bar on standard error while the block runs; nothing where that is no terminal."""
        if not sys.stderr.isatty():
            yield lambda _done, _total: None
            return
        from rich.console import Console  # as above
        from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars

        counter = DownloadColumn() if unit_is_bytes else MofNCompleteColumn()
        columns = (TextColumn("{task.description}"), BarColumn(), counter)
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(title, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)

    @property
    def can_ask(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty()

    def asks(self, question: str) -> str | None:
        """A line from the person at the terminal; None where there is none to ask."""
        if not self.can_ask:
            return None
        sys.stdout.flush()
        sys.stderr.write(f"{visible(question)} ")
        sys.stderr.flush()
        return sys.stdin.readline().strip()

    def asks_secret(self, question: str) -> str | None:
        """The same, without showing what is typed."""
        if not self.can_ask:
            return None
        from getpass import getpass  # for the few that are asked

        sys.stdout.flush()
        return getpass(f"{question}: ", stream=sys.stderr).strip()

    def sample(self, found: Sequence[Memory], matched: int, *, project_id: str | None) -> None:
        """The first of so many that fit."""
        self.memories(found, project_id=project_id)
        if matched > len(found):
            self.note(f"… and {matched - len(found):,} more")

    def confirms(self, question: str) -> bool | None:
        """The answer of the person at the terminal; None where there is none to ask."""
        answer = self.asks(f"{question} [y/N]")
        return None if answer is None else answer.lower() in ("y", "yes")


def _in_json(code: int) -> str:
    return "".join(f"\\u{unit:04x}" for unit in memoryview(chr(code).encode("utf-16-le", "surrogatepass")).cast("H"))
