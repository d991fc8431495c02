"""How the parts around the journal reach it: work for its thread, and the result."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from memory_server.sessions.journal import Journal

T = TypeVar("T")


class InJournal(Protocol):
    """Raises UnavailableError, StorageFullError, and whatever the work raises."""

    async def __call__(self, work: "Callable[[Journal], T]", /) -> T: ...
