"""What the loads did, as Markdown tables."""

from collections.abc import Mapping

import numpy as np

from benchmarks.load.clients import HEALTH
from benchmarks.load.contenders import FOUNDING, THIS, Contender, Load
from benchmarks.load.mix import KINDS

Loads = Mapping[tuple[str, int], Load]  # by contender and number of clients

BOTH = (THIS, FOUNDING)
_PERCENTILES = (50, 95, 99)


def tables(loads: Loads) -> str:
    return "\n\n".join((_times(loads), _rates(loads)))


def verdict(contender: Contender, *, read: int, read_after_kill: int) -> str:
    return (
        f"{contender.name}: {len(contender.kept):,} writes acknowledged, {read:,} read back, "
        f"{read_after_kill:,} after kill -9 and a new start; {len(contender.errors)} errors"
    )


def line(minute: int, load: Load) -> str:
    """One minute of a soak."""
    times = {kind: load.outcome.ms[kind] for kind in KINDS}
    p95 = " · ".join(f"{kind} {_percentile(ms, 95):.0f}" for kind, ms in times.items())
    return (
        f"minute {minute}: {load.outcome.requests:,} requests, {len(load.outcome.errors)} errors, p95 ms: {p95}; "
        f"RSS {load.rss_end_mb:.0f} MB, at most {load.rss_peak_mb:.0f} MB"
    )


def _times(loads: Loads) -> str:
    names: dict[str, str | None] = {"all": None, **{kind: kind for kind in KINDS}, "/health meanwhile": HEALTH}
    rows = [
        [str(clients), name, *(_three(loads[each, clients], kind) for each in BOTH), _ratio(loads, clients, kind)]
        for clients in _clients(loads)
        for name, kind in names.items()
    ]
    return _table(["clients", "p50 · p95 · p99 ms", *BOTH, "p95, founding / this"], rows)


def _rates(loads: Loads) -> str:
    rows = []
    for clients in _clients(loads):
        this, founding = loads[THIS, clients], loads[FOUNDING, clients]
        rows.append(
            [
                str(clients),
                *(f"{load.outcome.requests / load.outcome.wall_s:.0f}" for load in (this, founding)),
                *(f"{1000 * load.cpu_s / load.outcome.requests:.1f}" for load in (this, founding)),
                *(f"{load.rss_peak_mb:.0f} · {load.rss_end_mb:.0f}" for load in (this, founding)),
                *(f"{100 * load.outcome.cpu_s / load.outcome.wall_s:.0f} %" for load in (this, founding)),
                *(str(len(load.outcome.errors)) for load in (this, founding)),
            ]
        )
    head = [
        "clients",
        *(f"requests/s, {name}" for name in BOTH),
        *(f"CPU ms a request, {name}" for name in BOTH),
        *(f"RSS MB at most · at the end, {name}" for name in BOTH),
        *(f"clients' processor, {name}" for name in BOTH),
        *(f"errors, {name}" for name in BOTH),
    ]
    return _table(head, rows)


def _ratio(loads: Loads, clients: int, kind: str | None) -> str:
    this, founding = (_percentile(_ms(loads[name, clients], kind), 95) for name in BOTH)
    return f"{founding / this:.1f}x"


def _three(load: Load, kind: str | None) -> str:
    return " · ".join(f"{_percentile(_ms(load, kind), percent):.1f}" for percent in _PERCENTILES)


def _ms(load: Load, kind: str | None) -> list[float]:
    """Null stands for all that clients asked for."""
    if kind is not None:
        return load.outcome.ms[kind]
    return [time for each in KINDS for time in load.outcome.ms[each]]


def _percentile(ms: list[float], percent: float) -> float:
    return float(np.percentile(ms, percent)) if ms else float("nan")


def _clients(loads: Loads) -> list[int]:
    return sorted({clients for _, clients in loads})


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
