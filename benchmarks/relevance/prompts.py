"""Prompts to an agent, with the memories that each should be told, and the stores that they are put to.

    {"telling": [{"prompt", "gold": [ids]}, …], "silent": [{"category", "prompts": […]}, …], "afterwards": […]}

Of each list, what stands at an even place (from 0) is for tuning, what stands at an odd one is held out. What is called
afterwards, telling and silent, was written when the floors and the words of orders stood.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.retrieval import datasets
from benchmarks.retrieval.datasets import Group, Question, QuestionSet

PROMPTS = Path(__file__).with_name("prompts.json")
TELLING = "telling"
AFTERWARDS = "afterwards"
ALL = "all"


class Telling(Struct, frozen=True):
    prompt: str
    gold: tuple[str, ...]


class Silent(Struct, frozen=True):
    category: str
    prompts: tuple[str, ...]


class Prompts(Struct, frozen=True):
    telling: tuple[Telling, ...]
    silent: tuple[Silent, ...]
    afterwards: tuple[Telling, ...]


def read(path: Path = PROMPTS) -> Prompts:
    return msgspec.json.decode(path.read_bytes(), type=Prompts)


def questions(prompts: Prompts) -> Iterator[Question]:
    """Each with its category; the id of one that is held out ends with an odd number."""
    for category, tellings in ((TELLING, prompts.telling), (f"{TELLING}, {AFTERWARDS}", prompts.afterwards)):
        for place, telling in enumerate(tellings):
            yield Question(f"{category}-{place}", telling.prompt, category, telling.gold)
    for silent in prompts.silent:
        for place, prompt in enumerate(silent.prompts):
            yield Question(f"{silent.category}-{place}", prompt, silent.category, ())


def is_held_out(question: Question) -> bool:
    return int(question.id.rpartition("-")[2]) % 2 == 1


def store(*sets: QuestionSet) -> QuestionSet:
    """All memories of these sets in one project, with every prompt; gold is of the first."""
    items, seen = [], set()
    for place, (item, name) in enumerate(
        (item, each.name) for each in sets for g in each.groups for item in g.memories
    ):
        unique = item if item.id not in seen else msgspec.structs.replace(item, id=f"{name}-{place}-{item.id}")
        seen.add(unique.id)
        items.append(unique)
    return QuestionSet(f"{len(items):,} memories", (Group(ALL, tuple(items), tuple(questions(read()))),))


def crossed(observations: QuestionSet, *, every: int = 4) -> QuestionSet:
    """Some questions about each conversation put to its own memories, and to those of the next one, which cannot know.

    A question to the next has no gold.
    """
    groups = []
    for place, group in enumerate(observations.groups):
        before = observations.groups[place - 1]
        own = [msgspec.structs.replace(one, category="own") for one in group.queries[::every]]
        others = [Question(f"{one.id}x", one.text, "another", ()) for one in before.queries[::every]]
        groups.append(Group(group.group, group.memories, (*own, *others)))
    return QuestionSet(observations.name, tuple(groups))


def sets(data: Path) -> list[QuestionSet]:
    """Ours alone, and beside conversations where those are at hand, which know nothing of it."""
    ours = datasets.read(datasets.OWN, datasets.OWN_NAME)
    paths = [datasets.shared_path(data, name) for name in ("locomo_obs", "locomo_turn")]
    others = [datasets.read(path, path.name.partition(".")[0]) for path in paths if path.is_file()]
    stores = [store(ours, *others[:count]) for count in range(len(others) + 1)]
    return stores + ([crossed(others[0])] if others else [])
