"""Which route a path belongs to, also for a request that is refused before it gets there.

Metrics, logs and traces name a request by it: a path itself may hold anything, and there is no end of them.
"""

from collections.abc import Iterable

from starlette.routing import compile_path

UNKNOWN = "unknown"


class Templates:
    """Of `paths` such as `/memories/{memory_id}`; one without a parameter goes before."""

    def __init__(self, paths: Iterable[str]) -> None:
        paths = dict.fromkeys(paths)
        self._plain = {path: path for path in paths if "{" not in path}
        self._patterns = [(compile_path(path)[0], path) for path in paths if "{" in path]

    def of(self, path: str) -> str:
        if (plain := self._plain.get(path)) is not None:
            return plain
        return next((template for pattern, template in self._patterns if pattern.fullmatch(path)), UNKNOWN)
