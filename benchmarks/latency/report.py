"""What was measured as Markdown tables, one group for each size."""

from benchmarks.latency.asked import CLIENTS, EMBEDDING, FILTERS, MODES, OURS, Searches
from benchmarks.latency.costs import Costs
from benchmarks.latency.times import Times


def searches(size: int, found: Searches) -> None:
    times = found.contenders
    embedding = times[EMBEDDING].p50
    floor = min(times["scan, 1 thread"].p50, times["scan, 2 threads"].p50) + embedding
    _table(
        f"{size:,} memories: hybrid search by one client, each question new, taking turns",
        ["", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "times the floor"],
        [
            [name, *_row(each), f"{each.cpu_ms:.1f}", _ratio(name, each.p50, embedding, floor)]
            for name, each in times.items()
        ],
    )
    print(
        f"The floor is the faster scan and the embedding: {floor:.1f} ms. Others than ours get the embedding added.\n"
    )
    _table(
        f"{size:,} memories: by mode and filter, one client",
        ["", "filter", "p50 ms", "p95 ms", "p99 ms", "CPU ms"],
        [
            [mode, name, *_row(found.filters[mode, name]), f"{found.filters[mode, name].cpu_ms:.1f}"]
            for mode in MODES
            for name in FILTERS
        ],
    )
    rows = [(mode, clients, found.clients[mode, clients]) for mode in MODES for clients in CLIENTS]
    _table(
        f"{size:,} memories: many clients, no filter",
        ["", "clients", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "searches/s"],
        [
            [mode, str(clients), *_row(each), f"{each.cpu_ms:.1f}", f"{each.a_second:.0f}"]
            for mode, clients, each in rows
        ],
    )
    _table(
        f"{size:,} memories: one client",
        ["", "p50 ms", "p95 ms", "p99 ms"],
        [
            ["hybrid, the same questions again", *_row(found.repeated)],
            *([f"{mode}, while another client adds", *_row(found.beside_writer[mode])] for mode in MODES),
        ],
    )


def costs(size: int, found: Costs) -> None:
    rows = [
        ["start to /health, file in memory · not", f"{found.warm.listening_s:.2f} s · {found.cold.listening_s:.2f} s"],
        ["start to the first hybrid answer", f"{found.warm.first_answer_s:.2f} s · {found.cold.first_answer_s:.2f} s"],
        ["the next search", f"{found.warm.second_ms:.0f} ms · {found.cold.second_ms:.0f} ms"],
        ["memory with the model at rest", f"{found.rest_mb:.0f} MB"],
        ["… after the searches, at most", f"{found.loaded_mb:.0f} MB, {found.peak_mb:.0f} MB"],
        ["file", f"{found.disk_mb:.0f} MB"],
        ["recall@10 of search by meaning", f"{found.recall:.3f}"],
        *(
            [f"add, {clients} client{'s' * (clients > 1)}", f"{each.a_second:.0f}/s, p50 {each.p50:.1f} ms"]
            for clients, each in found.adds.items()
        ),
    ]
    _table(f"{size:,} memories: what a server costs", ["", ""], rows)


def _ratio(name: str, p50: float, embedding: float, floor: float) -> str:
    if name == EMBEDDING:
        return ""
    return f"{(p50 if name == OURS else p50 + embedding) / floor:.1f}x"


def _row(times: Times) -> list[str]:
    return [f"{times.percentile(percent):.1f}" for percent in (50, 95, 99)]


def _table(title: str, head: list[str], rows: list[list[str]]) -> None:
    print(f"**{title}**\n")
    for cells in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(cells)} |")
    print(flush=True)
