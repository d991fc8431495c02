"""Many clients at once over HTTP: errors, lost writes, times, throughput and memory, beside the founding design.

    uv run python -m benchmarks.load
    uv run python -m benchmarks.load --seconds 15 --clients 1 32
    uv run python -m benchmarks.load --soak 60

A real server process with the default model and no limits; four reads to one write, each of its own words; 1, 8, 32 and
128 clients for a minute each, in a process of their own. Beside it, taking turns: a server of the founding document's
design (one blocking store in async routes) on the same memories, vectors and model. At the end every acknowledged write
is read back, then the servers are killed with SIGKILL and started again, and every write is read back once more.

A soak runs this server alone, with as many clients as are given, and prints a line a minute. Ends with 1 if anything
was not answered as it should be, or lost; --rss-at-most also if the server took more memory than that. Linux only.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.load import report
from benchmarks.load.contenders import FOUNDING, THIS, Contender, Load, contender, ground

CLIENTS = [1, 8, 32, 128]
SOAK_CLIENTS = 8
SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each load (default: %(default)s)")
    parser.add_argument("--clients", type=int, nargs="+", help=f"by default {CLIENTS}, and {SOAK_CLIENTS} for a soak")
    parser.add_argument("--memories", type=int, default=10_000, help="to begin with (default: %(default)s)")
    parser.add_argument("--soak", type=int, metavar="MINUTES")
    parser.add_argument("--rss-at-most", type=float, metavar="MB", help="for a soak")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-") as folder, contextlib.ExitStack() as stack:
        shared = ground(Path(folder), arguments.memories)
        names = (THIS,) if arguments.soak else (THIS, FOUNDING)
        contenders = [stack.enter_context(_closing(contender(name, shared))) for name in names]
        busy = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
        print(f"{busy}, {arguments.memories:,} memories, seconds of each load: {arguments.seconds:.0f}\n", flush=True)
        if arguments.soak:
            (clients,) = arguments.clients or [SOAK_CLIENTS]
            complaints = _soak(contenders[0], arguments.soak, clients, arguments.rss_at_most)
        else:
            complaints = _loads(contenders, arguments.clients or CLIENTS, arguments.seconds)
    return _ended(complaints)


def _loads(contenders: list[Contender], clients: list[int], seconds: float) -> list[str]:
    loads: dict[tuple[str, int], Load] = {}
    for count in clients:
        for each in contenders:
            loads[each.name, count] = each.run(seconds=seconds, clients=count, seed=count)
            each.server.settle()  # what it embeds afterwards must not slow the other
    print(report.tables(loads), end="\n\n", flush=True)
    return [complaint for each in contenders for complaint in _nothing_lost(each)]


def _soak(this: Contender, minutes: int, clients: int, rss_at_most_mb: float | None) -> list[str]:
    highest = 0.0
    for minute in range(1, minutes + 1):
        load = this.run(seconds=60, clients=clients, seed=minute)
        highest = max(highest, load.rss_peak_mb)
        print(report.line(minute, load), flush=True)
    complaints = _nothing_lost(this)
    if rss_at_most_mb is not None and highest > rss_at_most_mb:
        complaints.append(f"took {highest:.0f} MB, more than {rss_at_most_mb:.0f}")
    return complaints


def _nothing_lost(each: Contender) -> list[str]:
    read = each.read_back()
    each.kill_and_start()
    print(report.verdict(each, read=read, read_after_kill=each.read_back()), flush=True)
    return [f"{each.name}: {error}" for error in each.errors]


def _ended(complaints: list[str]) -> int:
    for complaint in complaints[:SHOWN]:
        print(complaint)
    if len(complaints) > SHOWN:
        print(f"… and {len(complaints) - SHOWN} more")
    return 1 if complaints else 0


@contextlib.contextmanager
def _closing(each: Contender) -> Iterator[Contender]:
    try:
        yield each
    finally:
        each.server.close()


if __name__ == "__main__":
    sys.exit(main())
