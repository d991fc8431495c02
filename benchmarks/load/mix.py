"""What is asked: four reads to one write; of five reads three searches, a context and a list, each of its own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

PROJECTS = 20
WRITES = 0.2
ADD, SEARCH, CONTEXT, LIST = KINDS = ("add", "search", "context", "list")
_READS = {SEARCH: 3, CONTEXT: 1, LIST: 1}


@dataclass(frozen=True)
class Request:
    kind: str
    method: str
    path: str
    body: dict[str, Any] | None = None  # Any: JSON


@dataclass(frozen=True)
class Words:
    """Texts to keep and questions to ask, by their number; after the last comes the first again, marked."""

    texts: Sequence[str]
    questions: Sequence[str]

    def content(self, number: int) -> str:
        """Another for each number."""
        return f"{self.texts[number % len(self.texts)]} (note {number})"

    def question(self, number: int) -> str:
        again, place = divmod(number, len(self.questions))
        return f"{self.questions[place]} {again or ''}".strip()


def request(kind: str, number: int, words: Words, random: Random) -> Request:
    project = f"project-{random.randrange(PROJECTS)}"
    if kind == ADD:
        return Request(kind, "POST", "/memories", {"content": words.content(number), "project_id": project})
    if kind == SEARCH:
        return Request(kind, "POST", "/memories/search", {"query": words.question(number), "limit": 10})
    if kind == CONTEXT:
        return Request(kind, "GET", f"/context?project_id={quote(project)}")
    return Request(kind, "GET", f"/memories?project_id={quote(project)}&limit=20")


def kind_of_next(random: Random) -> str:
    if random.random() < WRITES:
        return ADD
    return random.choices(list(_READS), list(_READS.values()))[0]
