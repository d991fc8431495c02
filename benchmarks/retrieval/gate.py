"""A small fixed part of the shared development sets against floors: has a change made search worse?

Part of `.ci/run`; under a minute on two cores. The sets are not in this repository, so where they are not, neither is
this gate; the one on our own memories, tests/retrieval/test_gate.py, runs everywhere.
"""

import tempfile
from pathlib import Path

from benchmarks.retrieval import datasets, product
from benchmarks.retrieval.asking import ask, methods
from benchmarks.retrieval.datasets import Group, QuestionSet

# nDCG@10 and R@5 of hybrid search, in percent, each one point under what was measured when it was last set. Raise them
# when ranking has become better; lower one only with the reason in the commit.
FLOORS = {
    "locomo_turn": (56.7, 64.5),
    "locomo_obs": (63.7, 68.9),
    "locomo_session": (84.8, 90.6),
    "cosqa": (78.5, 86.3),
}
FIGURES = ("nDCG@10", "R@5")
MEMORIES = 600  # the first of the first group; of its questions, those whose answers are among them


def run(data: Path) -> int:
    """0 if every floor holds, or if there are no sets; else 1."""
    if missing := [name for name in FLOORS if not datasets.shared_path(data, name).is_file()]:
        print(f"skipped: {data} has no {', '.join(missing)}")
        return 0
    parts = [part(datasets.read(datasets.shared_path(data, name), name)) for name in FLOORS]
    with tempfile.TemporaryDirectory(prefix="retrieval-") as folder, product.running(Path(folder) / "server") as server:
        server.fill(parts, Path(folder))
        hybrid = methods(server, Path(folder))["hybrid"]
        below = [verdict for each in parts for verdict in _below(each, ask(each, "hybrid", hybrid).figures)]
    for sentence in below:
        print(sentence)
    return 1 if below else 0


def part(questions: QuestionSet) -> QuestionSet:
    first = questions.groups[0]
    memories = first.memories[:MEMORIES]
    present = {item.id for item in memories}
    queries = tuple(query for query in first.queries if present.issuperset(query.gold))
    return QuestionSet(questions.name, (Group(first.group, memories, queries),))


def _below(questions: QuestionSet, figures: dict[str, float]) -> list[str]:
    """Prints the row of one set; what is under its floor, as sentences."""
    floors = dict(zip(FIGURES, FLOORS[questions.name], strict=True))
    measured = {name: 100 * figures[name] for name in floors}
    shown = ", ".join(f"{name} {measured[name]:.1f} (floor {floor:.1f})" for name, floor in floors.items())
    print(f"{questions.name}: {questions.memories:,} memories, {questions.queries} questions: {shown}")
    return [
        f"{questions.name}: {name} of hybrid search is {measured[name]:.1f}, below its floor of {floor:.1f}"
        for name, floor in floors.items()
        if measured[name] < floor
    ]
