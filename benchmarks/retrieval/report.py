"""What was asked, as Markdown tables and as raw figures. All figures of quality are printed in percent."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.retrieval import metrics
from benchmarks.retrieval.asking import METHODS, Asked

WITH_INTERVAL = ("R@5", "R@10", "any@5", "nDCG@10", "MRR")
BY_CATEGORY = ("R@5", "nDCG@10")
OURS, COMPARED = "hybrid", ("keyword", "semantic")
BySet = Mapping[str, Mapping[str, Asked]]
"""Set → method → what it answered."""


def markdown(asked: BySet, about: Mapping[str, Any], shared: Sequence[str]) -> str:
    """`shared` names the sets that the macro average is over."""
    blocks = [_about(about)]
    blocks += ["\n\n".join(_set(by_method)) for by_method in asked.values()]
    averaged = [asked[name] for name in shared if name in asked]
    if len(averaged) > 1:
        blocks.append(_macro(averaged))
    return "\n\n".join(blocks)


def raw(asked: BySet, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "about": dict(about),
        "sets": {
            name: {method: _raw_figures(each, by_method) for method, each in by_method.items()}
            for name, by_method in asked.items()
        },
    }


def _about(about: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in about.items())


def _set(by_method: Mapping[str, Asked]) -> Iterator[str]:
    first = next(iter(by_method.values()))
    name, memories = first.questions.name, first.questions.memories
    yield f"### {name}: {memories:,} memories, {first.questions.queries:,} questions"
    rows = {method: each.figures for method, each in by_method.items()}
    yield _table(
        ["method", *metrics.NAMES, "s"],
        [
            [method, *(_percent(row[n]) for n in metrics.NAMES), f"{by_method[method].seconds:.1f}"]
            for method, row in rows.items()
        ],
    )
    yield "95 % bootstrap intervals, and paired differences:"
    yield _table(["", *WITH_INTERVAL], [*_intervals(by_method), *_differences(by_method)])
    categories = list(dict.fromkeys(answer.category for answer in first.answerable))
    if len(categories) > 1:
        yield f"By category ({', '.join(BY_CATEGORY)}):"
        yield _table(["category", "questions", *by_method], [_category(each, by_method) for each in categories])
    if first.unanswerable:
        yield f"Best score of {len(first.unanswerable)} questions without an answer below that of the others (AUC):"
        yield _table(["method", "AUC"], [[method, _percent(_auc(each))] for method, each in by_method.items()])


def _intervals(by_method: Mapping[str, Asked]) -> Iterator[list[str]]:
    for method, each in by_method.items():
        yield [method, *(_between(each.values(name), "{:.1f}") for name in WITH_INTERVAL)]


def _differences(by_method: Mapping[str, Asked]) -> Iterator[list[str]]:
    for other in COMPARED:
        if OURS in by_method and other in by_method:
            differences = (_difference(by_method[OURS], by_method[other], name) for name in WITH_INTERVAL)
            yield [f"{OURS} − {other}", *(_between(each, "{:+.1f}") for each in differences)]


def _category(category: str, by_method: Mapping[str, Asked]) -> list[str]:
    first = next(iter(by_method.values()))
    count = sum(answer.category == category for answer in first.answerable)
    means = [each.of_category(category) for each in by_method.values()]
    return [category, str(count), *(" / ".join(_percent(mean[name]) for name in BY_CATEGORY) for mean in means)]


def _macro(sets: Sequence[Mapping[str, Asked]]) -> str:
    """Each set counts the same."""
    rows = []
    for method in sets[0]:
        means = [by_method[method].figures for by_method in sets]
        rows.append([method, *(_percent(sum(m[n] for m in means) / len(means)) for n in metrics.NAMES)])
    names = ", ".join(next(iter(by_method.values())).questions.name for by_method in sets)
    return f"### Macro average over {names}\n\n" + _table(["method", *metrics.NAMES], rows)


def _raw_figures(each: Asked, by_method: Mapping[str, Asked]) -> dict[str, Any]:
    compared = [other for other in COMPARED if other in by_method and each.method == OURS]
    categories = dict.fromkeys(answer.category for answer in each.answerable)
    return {
        "method": METHODS[each.method],
        "memories": each.questions.memories,
        "questions": each.questions.queries,
        "seconds": round(each.seconds, 2),
        "figures": each.figures,
        "intervals": _by_name(lambda name: metrics.interval(each.values(name))),
        "categories": {category: each.of_category(category) for category in categories},
        **{f"minus {other}": _raw_difference(each, by_method[other]) for other in compared},
        **({"AUC": _auc(each)} if each.unanswerable else {}),
    }


def _raw_difference(ours: Asked, other: Asked) -> dict[str, Any]:
    return _by_name(lambda name: metrics.interval(_difference(ours, other, name)))


def _by_name(figure: Callable[[str], Any]) -> dict[str, Any]:
    return {name: figure(name) for name in metrics.NAMES}


def _difference(ours: Asked, other: Asked, name: str) -> list[float]:
    return [left - right for left, right in zip(ours.values(name), other.values(name), strict=True)]


def _auc(each: Asked) -> float:
    return metrics.separation([a.best_score for a in each.answerable], [a.best_score for a in each.unanswerable])


def _between(values: Sequence[float], form: str) -> str:
    mean, (low, high) = sum(values) / len(values), metrics.interval(values)
    return f"{form} [{form}, {form}]".format(100 * mean, 100 * low, 100 * high)


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
