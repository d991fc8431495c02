"""Times of calls, and what is said of them."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from benchmarks.latency.server import Client, Server


@dataclass
class Times:
    """Of each call the milliseconds; of all together the seconds, and the processor's seconds where they are known."""

    ms: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def timed(self, call: Callable[[], object], cpu: Callable[[], float] = time.process_time) -> None:
        started_cpu, started = cpu(), time.perf_counter()
        call()
        elapsed = time.perf_counter() - started
        self.cpu_s += cpu() - started_cpu
        self.wall_s += elapsed
        self.ms.append(1000 * elapsed)

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.ms, percent))

    @property
    def p50(self) -> float:
        return self.percentile(50)

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_s / len(self.ms)

    @property
    def a_second(self) -> float:
        return len(self.ms) / self.wall_s


def together(server: Server, path: str, bodies: Sequence[object], *, clients: int) -> Times:
    """`clients` connections that each post the next body as soon as they have their answer."""
    times = Times()

    def work(share: Sequence[object]) -> list[float]:
        own = Times()
        with server.connected() as client:
            for body in share:
                own.timed(lambda body=body: client.post(path, body))
        return own.ms

    cpu, started = server.cpu_s(), time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        for ms in threads.map(work, [bodies[number::clients] for number in range(clients)]):
            times.ms += ms
    times.wall_s, times.cpu_s = time.perf_counter() - started, server.cpu_s() - cpu
    return times


def search(client: Client, body: object) -> list[str]:
    """Ids, best first."""
    return [hit["id"] for hit in client.post("/memories/search", body)["results"]]
