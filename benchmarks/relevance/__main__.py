"""What a prompt is told of memory without having asked: how often in error, and how often what it should be told.

    uv run python -m benchmarks.relevance

Through a real server, as a hook asks it: GET /context with the prompt, 300 tokens at most. Beside it the first five
hits of a search, which is what a hook without a floor would show. The prompts are ours (prompts.json), put to our own
176 memories, alone and among those of --data, which are no part of this repository.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.relevance import prompts
from benchmarks.retrieval import datasets, product
from benchmarks.retrieval.datasets import Question, QuestionSet, memory_id, project_of
from benchmarks.retrieval.product import Product
from memory_core.types import SearchMode

TOKENS, FIRST = 300, 5


class Told(Struct, frozen=True):
    """What one prompt was told by one way."""

    question: Question
    gold: frozenset[str]
    ids: frozenset[str]
    ms: float


Way = Callable[[Product, str, str], list[str]]


def floored(server: Product, prompt: str, project: str) -> list[str]:
    return [memory.id for memory in server.context(prompt, project, max_tokens=TOKENS).memories]


def unfloored(server: Product, prompt: str, project: str) -> list[str]:
    return [hit.id for hit in server.search(prompt, project, SearchMode.HYBRID).results[:FIRST]]


WAYS: dict[str, Way] = {"told": floored, f"first {FIRST}": unfloored}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--data", type=Path, default=datasets.SHARED, help="folder of the sets (default: %(default)s)"
    )
    sets = prompts.sets(arguments.parse_args().data)
    with tempfile.TemporaryDirectory(prefix="relevance-") as folder, product.running(Path(folder) / "server") as server:
        server.fill(sets, Path(folder))
        for each in sets:
            print(table(each, {name: ask(server, each, way) for name, way in WAYS.items()}), flush=True)
    return 0


def ask(server: Product, questions: QuestionSet, way: Way) -> list[Told]:
    told = []
    for group in questions.groups:
        project = project_of(questions.name, group.group)
        for question in group.queries:
            gold = frozenset(memory_id(project, each) for each in question.gold)
            began = time.perf_counter()
            ids = frozenset(way(server, question.text, project))
            told.append(Told(question, gold, ids, 1_000 * (time.perf_counter() - began)))
    return told


def table(questions: QuestionSet, by_way: dict[str, list[Told]]) -> str:
    """Percentages; those of prompts that are held out behind those that are for tuning, where there are both."""
    first = next(iter(by_way.values()))
    lines = [
        f"\n{questions.name}, {questions.memories:,} memories\n",
        f"| prompts | n | {' | '.join(f'{name}: something | the right one | others, mean' for name in by_way)} |",
        f"|---|---|{'---|' * 3 * len(by_way)}",
    ]
    for category in dict.fromkeys(each.question.category for each in first):
        cells = [_cells([one for one in told if one.question.category == category]) for told in by_way.values()]
        count = sum(each.question.category == category for each in first)
        lines.append(f"| {category} | {count} | {' | '.join(cells)} |")
    lines += ["", *_ratios(by_way)]
    for name, told in by_way.items():
        times = sorted(one.ms for one in told)
        lines.append(
            f"\n{name}: p50 {times[len(times) // 2]:.0f} ms, p95 {times[len(times) * 95 // 100]:.0f} ms a request"
        )
    return "\n".join(lines)


def _ratios(by_way: dict[str, list[Told]]) -> list[str]:
    """What the first way tells, as a share of what the others do."""
    (ours, told), *others = by_way.items()
    return [
        f"{ours}, beside {name}: {_share(right, told, each)} of the right, {_share(wrong, told, each)} of the others"
        for name, each in others
    ]


def right(told: Sequence[Told]) -> int:
    return sum(bool(one.ids & one.gold) for one in told)


def wrong(told: Sequence[Told]) -> int:
    return sum(len(one.ids - one.gold) for one in told)


def _share(count: Callable[[Sequence[Told]], int], told: Sequence[Told], others: Sequence[Told]) -> str:
    return f"{100 * count(told) / max(1, count(others)):.1f} %"


def _cells(told: Sequence[Told]) -> str:
    halves = [told]
    category = told[0].question.category
    if told[0].question.id.startswith(category) and prompts.AFTERWARDS not in category:
        halves = [[one for one in told if prompts.is_held_out(one.question) is held] for held in (False, True)]
    figures = [_figures(half) for half in halves if half]
    return " | ".join(" / ".join(values) for values in zip(*figures, strict=True))


def _figures(told: Sequence[Told]) -> tuple[str, str, str]:
    something = 100 * sum(bool(one.ids) for one in told) / len(told)
    found = f"{100 * right(told) / len(told):.0f}" if any(one.gold for one in told) else "-"
    return f"{something:.0f}", found, f"{wrong(told) / len(told):.2f}"


if __name__ == "__main__":
    sys.exit(main())
