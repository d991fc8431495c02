"""What is counted while the server works: plain numbers behind a lock, which cost a request a microsecond.

How they are shown is `metrics`: its library is imported by the first who looks, so that a server at which nobody looks
neither starts later nor is larger for it. The values of a label come from a short list, always.
"""

import bisect
import threading
from collections.abc import Iterable, Sequence
from itertools import accumulate

from memory_core.observing import Stage
from memory_core.types import SearchMode
from memory_server.limits import Kind
from memory_server.served import Served

Labels = tuple[str, ...]

FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LONG_S = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)

_REASONS = {403: "forbidden", 421: "host"}
REFUSALS = ("missing", "wrong", *_REASONS.values())


class Counter:
    """Only ever grows. `name` is without its unit `_total`.

    The `known` values of a label are there from the start: the growth from nothing to the first one is no growth.
    """

    def __init__(self, name: str, about: str, labels: Labels = (), *, known: Iterable[str] = ()) -> None:
        self.name, self.about, self.labels = name, about, labels
        self._lock = threading.Lock()
        first: Iterable[Labels] = ((value,) for value in known) if labels else ((),)
        self._values: dict[Labels, float] = dict.fromkeys(first, 0.0)

    def add(self, *values: str, amount: float = 1.0) -> None:
        with self._lock:
            self._values[values] = self._values.get(values, 0.0) + amount

    def values(self) -> dict[Labels, float]:
        with self._lock:
            return dict(self._values)


class Histogram:
    """How many of the observed values are at most as large as each of `bounds`, and their sum."""

    def __init__(self, name: str, about: str, labels: Labels = (), *, bounds: Sequence[float] = FAST_S) -> None:
        self.name, self.about, self.labels = name, about, labels
        self._bounds = tuple(bounds)
        self._lock = threading.Lock()
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}
        if not labels:
            self._begin(())

    def observe(self, *values: str, value: float) -> None:
        with self._lock:
            if values not in self._counts:
                self._begin(values)
            self._counts[values][bisect.bisect_left(self._bounds, value)] += 1
            self._sums[values] += value

    def values(self) -> dict[Labels, tuple[list[tuple[str, float]], float]]:
        """Of each: the bounds with how many were not larger, and the sum."""
        names = [*map(str, self._bounds), "+Inf"]
        with self._lock:
            return {
                labels: (list(zip(names, map(float, accumulate(counts)), strict=True)), self._sums[labels])
                for labels, counts in self._counts.items()
            }

    def _begin(self, labels: Labels) -> None:
        self._counts[labels] = [0] * (len(self._bounds) + 1)
        self._sums[labels] = 0.0


class Meters:
    """All that is counted, with the verbs by which the parts of the server tell of it.

    It is the engine's `Observer` too.
    """

    def __init__(self) -> None:
        limits = [kind.name.lower() for kind in Kind]
        self.requests = Counter("memory_http_requests", "Answered requests", ("method", "route", "status"))
        self.tool_calls = Counter("memory_tool_calls", "Calls of MCP tools, and how they ended", ("tool", "outcome"))
        self.fallbacks = Counter("memory_search_fallbacks", "Searches by meaning that were answered by keyword")
        self.embedded = Counter("memory_embedding_texts", "Pieces of memories that were embedded")
        self.rate_limited = Counter("memory_rate_limited", "What limits refused", ("kind",), known=limits)
        self.auth_failures = Counter("memory_auth_failures", "Who was not let in", ("reason",), known=REFUSALS)
        self.backups = Counter("memory_backups", "Tries to make a backup", ("outcome",), known=("made", "failed"))
        self.audit_failures = Counter("memory_audit_failures", "Lines that the audit log could not take")
        self.request_seconds = Histogram(
            "memory_http_request_duration_seconds", "From the first byte to the last", ("method", "route")
        )
        self.tool_seconds = Histogram("memory_tool_call_duration_seconds", "A call of an MCP tool", ("tool",))
        self.search_seconds = Histogram(
            "memory_search_duration_seconds", "A whole search, by the way it was answered", ("mode",)
        )
        self.stage_seconds = Histogram(
            "memory_search_stage_duration_seconds", "A part of a search; fuse holds rerank", ("mode", "stage")
        )
        self.batch_seconds = Histogram("memory_embedding_batch_duration_seconds", "Texts that were embedded together")
        self.backup_seconds = Histogram(
            "memory_backup_duration_seconds", "Making a backup, with its verification", bounds=LONG_S
        )

    def counters(self) -> list[Counter]:
        return [part for part in vars(self).values() if isinstance(part, Counter)]

    def histograms(self) -> list[Histogram]:
        return [part for part in vars(self).values() if isinstance(part, Histogram)]

    def served(self, served: Served) -> None:
        self.requests.add(served.method, served.route, str(served.status))
        self.request_seconds.observe(served.method, served.route, value=served.seconds)
        if served.status == 401:
            self.auth_failures.add("wrong" if served.with_key else "missing")
        elif served.status in _REASONS:
            self.auth_failures.add(_REASONS[served.status])

    def refused(self, kind: Kind) -> None:
        self.rate_limited.add(kind.name.lower())

    def tool_called(self, tool: str, outcome: str, seconds: float) -> None:
        self.tool_calls.add(tool, outcome)
        self.tool_seconds.observe(tool, value=seconds)

    def backed_up(self, seconds: float | None) -> None:
        """`seconds` is null for one that failed."""
        self.backups.add("failed" if seconds is None else "made")
        if seconds is not None:
            self.backup_seconds.observe(value=seconds)

    def stage(self, stage: Stage, mode: SearchMode, seconds: float) -> None:
        self.stage_seconds.observe(mode.value, stage.value, value=seconds)

    def search(self, *, asked: SearchMode, answered: SearchMode, seconds: float) -> None:
        self.search_seconds.observe(answered.value, value=seconds)
        if answered is not asked:
            self.fallbacks.add()

    def batch(self, pieces: int, seconds: float) -> None:
        self.batch_seconds.observe(value=seconds)
        self.embedded.add(amount=pieces)
