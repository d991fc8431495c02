"""Sets of memories and questions, read from JSON and made into memories as the product keeps them.

    {"name": …, "groups": [{"group": …, "memories": [{"id", "text", "session", "date", "speaker", "tags"}, …],
                            "queries": [{"id", "text", "category", "gold": [ids]}, …]}, …]}

Each group is a project of its own. Speaker → client_id, session → session_id, date → created_at, tags → tags. Turns of
a session share their date and keep their order by a second each.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from memory_core.types import DEFAULT_SCORE, Memory, MemoryType

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
OWN = ROOT / "tests" / "retrieval" / "agent_memories.json"
OWN_NAME = "agent_memories"
SHARED_NAMES = ("locomo_turn", "locomo_obs", "locomo_session", "cosqa")
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)  # the same for all: it must tell nothing


class Item(Struct, frozen=True):
    """A memory of a set. `tags` is a list, or the text of one as Python writes it."""

    id: str
    text: str
    session: str = ""
    date: str = ""
    speaker: str = ""
    tags: str | list[str] = ""
    type: MemoryType = MemoryType.OBSERVATION


class Question(Struct, frozen=True):
    id: str
    text: str
    category: str
    gold: tuple[str, ...]


class Group(Struct, frozen=True):
    group: str
    memories: tuple[Item, ...]
    queries: tuple[Question, ...]


class QuestionSet(Struct, frozen=True):
    name: str
    groups: tuple[Group, ...]

    @property
    def memories(self) -> int:
        return sum(len(group.memories) for group in self.groups)

    @property
    def queries(self) -> int:
        return sum(len(group.queries) for group in self.groups)


def read(path: Path, name: str) -> QuestionSet:
    """The set in this file, under our name for it."""
    return QuestionSet(name, msgspec.json.decode(path.read_bytes(), type=QuestionSet).groups)


def shared_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.dev.json"


def fewer(questions: QuestionSet, limit: int) -> QuestionSet:
    """At most `limit` questions, spread evenly over the set, with all its memories."""
    if questions.queries <= limit:
        return questions
    kept = {place * questions.queries // limit for place in range(limit)}
    groups, start = [], 0
    for group in questions.groups:
        queries = tuple(query for place, query in enumerate(group.queries, start=start) if place in kept)
        groups.append(Group(group.group, group.memories, queries))
        start += len(group.queries)
    return QuestionSet(questions.name, tuple(groups))


def project_of(name: str, group: str) -> str:
    return f"{name}/{group}"


def memory_id(project: str, item_id: str) -> str:
    """What the product takes as an id, the same in every run."""
    return hashlib.sha256(f"{project}\n{item_id}".encode()).hexdigest()[:32]


def as_memories(name: str, group: Group) -> list[Memory]:
    project = project_of(name, group.group)
    return [
        Memory(
            id=memory_id(project, item.id),
            content=item.text,
            memory_type=item.type,
            tags=_tags(item.tags),
            source=None,
            project_id=project,
            client_id=item.speaker or None,
            session_id=item.session or None,
            certainty_score=DEFAULT_SCORE,
            quality_score=DEFAULT_SCORE,
            created_at=moment,
            updated_at=moment,
        )
        for item, moment in zip(group.memories, _moments(group.memories), strict=True)
    ]


def _moments(items: Sequence[Item]) -> list[datetime]:
    """The date of each, later by its place in its session in seconds."""
    places: Counter[tuple[str, str]] = Counter()
    moments = []
    for item in items:
        moments.append(_date(item.date) + timedelta(seconds=places[item.session, item.date]))
        places[item.session, item.date] += 1
    return moments


def _date(text: str) -> datetime:
    """As LoCoMo writes it: 1:56 pm on 8 May, 2023."""
    return datetime.strptime(text, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC) if text else UNDATED


def _tags(tags: str | list[str]) -> tuple[str, ...]:
    return tuple(ast.literal_eval(tags) if isinstance(tags, str) and tags else tags)
