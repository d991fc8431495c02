"""Which memories say nearly the same as a new one: looked for by words and by meaning, then compared closely.

What is found is told and linked, and changes nothing: embeddings hardly see digits, and the same words about another
port are another memory.
"""

from collections.abc import Sequence

from msgspec import Struct

from memory_core.changes import Alike
from memory_core.engine.arriving import Arrival
from memory_core.engine.likeness import Likeness, compare
from memory_core.engine.ports import Candidate, QueryVector, Rows
from memory_core.engine.searching import probe_of
from memory_core.types import Memory, MemoryType, Scope

CANDIDATES = 5
MOST = 3
_SHOWN_CHARS = 200


def compares(memory: Memory) -> bool:
    """What a session came to happened: one that went like another neither repeats nor contradicts it."""
    return memory.memory_type is not MemoryType.SESSION


class Alikes(Struct, frozen=True):
    store: Rows

    def of(self, new: Memory, vector: QueryVector | None) -> tuple[Alike, ...]:
        """Of its project, the most alike first. `vector` is that of its indexed text.

        Raises ModelChangedError if that is of another model than the store compares with.
        """
        if not compares(new):
            return ()
        found = self.store.candidates(probe_of(new.content, vector, CANDIDATES), Scope(project_id=new.project_id))
        noise = 0.0 if vector is None else vector.noise
        pairs = [
            (each.memory, compare(new.content, each.memory.content, cosine=each.cosine, noise=noise))
            for each in _best(found)
            if each.memory.id != new.id and compares(each.memory)
        ]
        return _most([_alike(memory, like) for memory, like in pairs if like is not None])


def with_arrived(
    found: Sequence[Alike], new: Memory, vector: QueryVector | None, arrived: Sequence[Arrival]
) -> tuple[Alike, ...]:
    """`found`, and what was kept since the search for it began."""
    known = {one.memory_id for one in found}
    others = [each for each in arrived if each.memory.project_id == new.project_id and each.memory.id not in known]
    if not others or not compares(new):
        return tuple(found)
    noise = 0.0 if vector is None else vector.noise
    nearest = sorted(((_nearness(new, vector, each), each.memory) for each in others), key=lambda one: -one[0])
    pairs = [
        (memory, compare(new.content, memory.content, cosine=None if vector is None else near, noise=noise))
        for near, memory in nearest[:CANDIDATES]
    ]
    return _most([*found, *(_alike(memory, like) for memory, like in pairs if like is not None)])


def _nearness(new: Memory, vector: QueryVector | None, other: Arrival) -> float:
    """The cosine; where a vector is missing, the share of words in common."""
    if vector is not None and other.vector is not None and other.vector.model == vector.model:
        return float(vector.numbers @ other.vector.numbers)
    one, two = set(new.content.split()), set(other.memory.content.split())
    return len(one & two) / max(1, min(len(one), len(two)))


def _most(alike: Sequence[Alike]) -> tuple[Alike, ...]:
    return tuple(sorted(alike, key=lambda one: -one.similarity)[:MOST])


def _best(found: Sequence[Candidate]) -> list[Candidate]:
    """Of each side the first: comparing two texts closely costs more than finding them."""
    by_words = sorted(found, key=lambda each: -each.bm25)[:CANDIDATES]
    by_meaning = sorted(found, key=lambda each: -(each.cosine or 0.0))[:CANDIDATES]
    return list({each.memory.id: each for each in (*by_words, *by_meaning)}.values())


def _alike(memory: Memory, like: Likeness) -> Alike:
    return Alike(
        memory_id=memory.id,
        kind=like.kind,
        similarity=like.similarity,
        differences=like.differences,
        content=memory.content[:_SHOWN_CHARS],
    )
