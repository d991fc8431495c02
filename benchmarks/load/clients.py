"""The clients, in a process of their own: a plan comes in, what came of it goes out, both as JSON.

Each client asks as soon as it has its answer. One more, beside them, asks for /health and waits in between: what it
waits is how long the server's event loop is held up by the others.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct, field

from benchmarks.load.mix import ADD, KINDS, Words, kind_of_next, request
from benchmarks.load.wire import Wire

HEALTH = "health"
_TIMEOUT_S = 120.0
_BETWEEN_LOOKS_S = 0.1
_READERS = 8
_SAID = 200  # bytes of a wrong answer that are shown


class Plan(Struct, frozen=True, kw_only=True):
    """`words` is a file with texts and questions, of which the first `after` were used before."""

    port: int
    key: str
    words: str
    seconds: float = 0.0
    clients: int = 1
    after: int = 0
    seed: int = 0
    read_back: dict[str, int] = {}  # ids, and the numbers of the texts they are to have


class Outcome(Struct):
    """`ms` of each kind of request; `kept` are the acknowledged ids, with the numbers of their texts."""

    ms: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in (*KINDS, HEALTH)})
    kept: dict[str, int] = {}
    errors: list[str] = []
    used: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def requests(self) -> int:
        return sum(len(times) for kind, times in self.ms.items() if kind != HEALTH)


def run(plan: Plan) -> Outcome:
    """In another process, so that it shares no interpreter with anything that is measured."""
    command = [sys.executable, "-m", "benchmarks.load.clients"]
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(command, input=msgspec.json.encode(plan), cwd=root, capture_output=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"the clients ended with {ended.returncode}: {ended.stderr.decode()[-2000:]}")
    return msgspec.json.decode(ended.stdout, type=Outcome)


async def carry_out(plan: Plan, words: Words) -> Outcome:
    outcome = Outcome()
    started, cpu = time.perf_counter(), time.process_time()
    if plan.read_back:
        left = iter(plan.read_back.items())
        await asyncio.gather(*(_read_back(plan, words, left, outcome) for _ in range(_READERS)))
    if plan.seconds:
        numbers, until = itertools.count(plan.after), started + plan.seconds
        randoms = [Random(f"{plan.seed}/{client}") for client in range(plan.clients)]
        working = [_client(plan, words, numbers, until, random, outcome) for random in randoms]
        await asyncio.gather(*working, _looking(plan, until, outcome))
        outcome.used = next(numbers) - plan.after
    outcome.wall_s, outcome.cpu_s = time.perf_counter() - started, time.process_time() - cpu
    return outcome


async def _client(
    plan: Plan, words: Words, numbers: Iterator[int], until: float, random: Random, outcome: Outcome
) -> None:
    wire = _wire(plan)
    while time.perf_counter() < until:
        number = next(numbers)
        asked = request(kind_of_next(random), number, words, random)
        started = time.perf_counter()
        try:
            status, said = await wire.ask(asked.method, asked.path, asked.body)
        except (OSError, EOFError, TimeoutError) as error:
            outcome.errors.append(f"{asked.kind}: {type(error).__name__}")
            wire.close()
            continue
        outcome.ms[asked.kind].append(1000 * (time.perf_counter() - started))
        if status not in (200, 201):
            outcome.errors.append(f"{asked.kind}: {status} {said[:_SAID]!r}")
        elif asked.kind == ADD:
            outcome.kept[json.loads(said)["id"]] = number
    wire.close()


async def _looking(plan: Plan, until: float, outcome: Outcome) -> None:
    wire = _wire(plan)
    while time.perf_counter() < until:
        started = time.perf_counter()
        try:
            status, _ = await wire.ask("GET", "/health")
        except (OSError, EOFError, TimeoutError) as error:
            outcome.errors.append(f"{HEALTH}: {type(error).__name__}")
            wire.close()
            continue
        outcome.ms[HEALTH].append(1000 * (time.perf_counter() - started))
        if status != 200:
            outcome.errors.append(f"{HEALTH}: {status}")
        await asyncio.sleep(_BETWEEN_LOOKS_S)
    wire.close()


async def _read_back(plan: Plan, words: Words, left: Iterator[tuple[str, int]], outcome: Outcome) -> None:
    wire = _wire(plan)
    for memory_id, number in left:
        status, said = await wire.ask("GET", f"/memories/{memory_id}")
        if status != 200:
            outcome.errors.append(f"lost: {memory_id}, {status}")
        elif json.loads(said)["content"] != words.content(number):
            outcome.errors.append(f"changed: {memory_id}")
        else:
            outcome.kept[memory_id] = number
    wire.close()


def _wire(plan: Plan) -> Wire:
    return Wire(plan.port, {"X-API-Key": plan.key}, timeout_s=_TIMEOUT_S)


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    prepared = Words(**json.loads(Path(given.words).read_text(encoding="utf-8")))
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(carry_out(given, prepared))))
