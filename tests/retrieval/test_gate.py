"""Search must stay as good as it is: 176 memories as agents and people keep them, 145 questions, the real model.

The set is agent_memories.json; `uv run python -m benchmarks.retrieval --sets agent_memories` prints all its figures.
"""

from collections.abc import Iterator, Mapping

import pytest

from benchmarks.retrieval import datasets, product
from benchmarks.retrieval.asking import Asked, ask, methods
from benchmarks.retrieval.product import Product
from memory_core.types import SearchMode

# nDCG@10 and R@5 of hybrid search, in percent: what was measured, less about one question (half of one for all of
# them, since another processor rounds otherwise). Raise them when ranking has become better; lower one only with the
# reason in the commit. A new question or memory moves them too.
FLOORS = {
    "all": (91.0, 94.5),
    "paraphrase": (52.0, 68.0),  # the weakest: a few shared words outweigh the meaning; meaning alone has 64.5 and 72.7
    "identifier": (96.0, 94.0),
    "partial-identifier": (96.0, 92.0),
    "error": (96.0, 93.0),
    "phrase": (96.0, 90.0),
    "version": (95.0, 94.0),
    "person-time": (90.0, 92.0),
    "other-language": (96.0, 91.0),
    "long-tail": (92.0, 90.0),
}
FIGURES = ("nDCG@10", "R@5")
# Of the questions that nothing answers, how many must be told so (8 of 12 are); of the others, how many may be told so
# in error (7 are, all of them paraphrases).
TOLD_WEAK, WRONGLY_WEAK = 7, 9
QUESTIONS = datasets.read(datasets.OWN, datasets.OWN_NAME)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("retrieval")
    with product.running(folder / "server") as server:
        server.fill([QUESTIONS], folder)
        yield server


@pytest.fixture(scope="module")
def asked(server: Product, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Asked]:
    """Search mode → all questions in it, put to one server over HTTP."""
    known = methods(server, tmp_path_factory.mktemp("vectors"))
    return {mode.value: ask(QUESTIONS, mode.value, known[mode.value]) for mode in SearchMode}


def test_hybrid_search_finds_what_it_found_before_in_every_kind_of_question(asked: Mapping[str, Asked]) -> None:
    hybrid = asked["hybrid"]
    figures = {name: hybrid.figures if name == "all" else hybrid.of_category(name) for name in FLOORS}

    below = [
        f"{category}: {name} is {100 * figures[category][name]:.1f}, its floor {floor}"
        for category, floors in FLOORS.items()
        for name, floor in zip(FIGURES, floors, strict=True)
        if 100 * figures[category][name] < floor
    ]

    assert not below
    assert {answer.category for answer in hybrid.answerable} == FLOORS.keys() - {"all"}


@pytest.mark.parametrize("alone", ["keyword", "semantic"])
def test_both_sides_together_are_better_than_either_alone(asked: Mapping[str, Asked], alone: str) -> None:
    assert asked["hybrid"].figures["nDCG@10"] >= asked[alone].figures["nDCG@10"]


def test_search_says_so_when_nothing_here_answers_the_question(server: Product) -> None:
    (group,) = QUESTIONS.groups
    project = datasets.project_of(QUESTIONS.name, group.group)

    weak = [query for query in group.queries if server.search(query.text, project, SearchMode.HYBRID).weak]

    assert sum(not query.gold for query in weak) >= TOLD_WEAK
    assert sum(bool(query.gold) for query in weak) <= WRONGLY_WEAK
