"""Each question put to each method, and what came of it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.retrieval import metrics
from benchmarks.retrieval.baselines import Plain, grep
from benchmarks.retrieval.datasets import QuestionSet
from benchmarks.retrieval.product import Hit, Product
from memory_core.types import SearchMode

METHODS = {
    "grep": "the question's raw words, counted",
    "plain": "the founding document, whole-phrase ILIKE + cosine of the content, RRF k = 60 (embeds meanwhile)",
    "keyword": "ours, BM25 only",
    "semantic": "ours, vectors only",
    "hybrid": "ours",
}
Rankings = Callable[[QuestionSet], Iterator[list[Hit]]]


class Answer(Struct, frozen=True, kw_only=True):
    """`figures` is empty where the question has no right answer."""

    set: str
    group: str
    query: str
    text: str
    category: str
    method: str
    gold: tuple[str, ...]
    hits: tuple[Hit, ...]
    figures: dict[str, float]

    @property
    def best_score(self) -> float:
        return self.hits[0].score if self.hits else 0.0


class Asked(Struct, frozen=True):
    """One set by one method. `seconds` is the time of all its questions."""

    questions: QuestionSet
    method: str
    answers: list[Answer]
    seconds: float

    @property
    def answerable(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.gold]

    @property
    def unanswerable(self) -> list[Answer]:
        return [answer for answer in self.answers if not answer.gold]

    @property
    def figures(self) -> dict[str, float]:
        """Means over the questions that have an answer."""
        return metrics.means([answer.figures for answer in self.answerable])

    def of_category(self, category: str) -> dict[str, float]:
        return metrics.means([answer.figures for answer in self.answerable if answer.category == category])

    def values(self, name: str) -> list[float]:
        return [answer.figures[name] for answer in self.answerable]


def methods(product: Product, folder: Path) -> Mapping[str, Rankings]:
    def ours(mode: SearchMode) -> Rankings:
        return lambda questions: product.rankings(questions, mode)

    return {"grep": grep, "plain": Plain(folder).rankings, **{mode.value: ours(mode) for mode in SearchMode}}


def ask(questions: QuestionSet, method: str, rankings: Rankings) -> Asked:
    started = time.perf_counter()
    answers = _answers(questions, method, list(rankings(questions)))
    return Asked(questions, method, answers, time.perf_counter() - started)


def _answers(questions: QuestionSet, method: str, rankings: Sequence[list[Hit]]) -> list[Answer]:
    asked = [(group.group, query) for group in questions.groups for query in group.queries]
    return [
        Answer(
            set=questions.name,
            group=group,
            query=query.id,
            text=query.text,
            category=query.category,
            method=method,
            gold=query.gold,
            hits=tuple(hits),
            figures=metrics.of_ranking([hit.id for hit in hits], query.gold) if query.gold else {},
        )
        for (group, query), hits in zip(asked, rankings, strict=True)
    ]
