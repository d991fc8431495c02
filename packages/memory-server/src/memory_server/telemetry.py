"""Who is told how the work goes: the meters always, and traces where they are wanted."""

from typing import TYPE_CHECKING, Protocol

from memory_core.errors import InvalidError
from memory_core.observing import Observer, Stage
from memory_core.types import SearchMode

if TYPE_CHECKING:
    from memory_server.tracing import Tracing

OFF, ON = "off", "on"


class Telling(Observer, Protocol):
    """The engine's observer, and the tools'."""

    def tool_called(self, tool: str, outcome: str, seconds: float) -> None:
        """`outcome` is `ok`, or the code of the error."""
        ...


class Several:
    """All of them are told."""

    def __init__(self, *parts: Telling) -> None:
        self._parts = parts

    def stage(self, stage: Stage, mode: SearchMode, seconds: float) -> None:
        for part in self._parts:
            part.stage(stage, mode, seconds)

    def search(self, *, asked: SearchMode, answered: SearchMode, seconds: float) -> None:
        for part in self._parts:
            part.search(asked=asked, answered=answered, seconds=seconds)

    def batch(self, pieces: int, seconds: float) -> None:
        for part in self._parts:
            part.batch(pieces, seconds)

    def tool_called(self, tool: str, outcome: str, seconds: float) -> None:
        for part in self._parts:
            part.tool_called(tool, outcome, seconds)


def open_tracing(setting: str) -> "Tracing | None":
    """`off`, `on`, or the address of a collector. Raises InvalidError where the extra is missing."""
    if setting == OFF:
        return None
    if setting != ON and not setting.startswith(("http://", "https://")):
        raise InvalidError(
            f"MEMORY_TRACING is {setting!r}; it takes off, on, or an address such as http://127.0.0.1:4318"
        )
    try:
        from memory_server.tracing import Tracing  # an extra, and a tenth of a second: on demand
    except ImportError as missing:
        raise InvalidError(
            f"MEMORY_TRACING needs {missing.name}, which is not installed; "
            "install it with: pip install 'memory-server[otel]'"
        ) from missing
    return Tracing(None if setting == ON else setting)
