"""Lines of several sections on one page: each has its share, and what one leaves is for the others. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from memory_core.engine.novelty import Novelty
from memory_core.engine.sections import Item, Section
from memory_core.engine.telling import estimate_tokens

_LEAST = 8  # tokens; fewer say nothing
_LONGEST_SHARE = 3  # one memory takes at most a third of the budget; a longer one is shown up to there


class Line(Struct, frozen=True):
    place: int
    item: Item
    text: str

    @property
    def tokens(self) -> int:
        return estimate_tokens(self.text) + 1  # and the end of it


class Page:
    """`tokens` and `memories` are what is left of the budget.

    `repeats` are the ids of what was left out because something on the page, or told before it, says the same.
    """

    def __init__(self, tokens: int, memories: int, *, longest: int, told: Novelty) -> None:
        self.tokens = tokens
        self.memories = memories
        self.repeats: set[str] = set()
        self._longest = longest // _LONGEST_SHARE
        self._told = told
        self._lines: dict[Section, dict[int, Line]] = {}
        self._ids: set[str] = set()

    def fill(self, sections: dict[Section, list[Item]], shares: dict[Section, int]) -> None:
        """Each section within its share of what is there, then the rest in their order.

        What does not fit is passed over, so that a shorter one behind it may still have its place.
        """
        whole = sum(shares[section] for section in sections)
        tokens = {section: self.tokens * shares[section] // whole for section in sections}
        memories = {section: max(1, self.memories * shares[section] // whole) for section in sections}
        for section, items in sections.items():
            self._take(section, items, tokens[section], memories[section])
        waiting = [section for section in sections if section not in self._lines]
        while waiting:
            section = waiting.pop(0)
            self._begin(section, sections[section], self.tokens - sum(tokens[other] for other in waiting))
        for section, items in sections.items():
            self._take(section, items, self.tokens, self.memories)

    def take(self, section: Section, items: Sequence[Item]) -> None:
        """In their order, as far as there is room."""
        self._take(section, items, self.tokens, self.memories)

    def lines(self) -> dict[Section, list[Line]]:
        """In the order of the headings."""
        return {
            section: [self._lines[section][place] for place in sorted(self._lines[section])]
            for section in Section
            if section in self._lines
        }

    def _take(self, section: Section, items: Sequence[Item], tokens: int, memories: int) -> None:
        tokens, memories = min(tokens, self.tokens), min(memories, self.memories)
        for place, item in enumerate(items):
            if tokens < _LEAST:
                return
            if self._is_settled(section, place, item) or not (memories or self._has(item)):
                continue
            line = Line(place, item, item.line(self._longest))
            cost = line.tokens + self._heading(section)
            if cost <= tokens and self._is_new(item):
                tokens -= cost
                memories -= not self._has(item)
                self._put(section, line)

    def _begin(self, section: Section, items: Sequence[Item], tokens: int) -> None:
        """The first of a section that would otherwise have none, up to where there is room."""
        for place, item in enumerate(items):
            rest = tokens - self._heading(section) - Line(place, item, item.line(0)).tokens
            if rest < _LEAST or not (self.memories or self._has(item)):
                return
            if not self._is_settled(section, place, item) and self._is_new(item):
                self._put(section, Line(place, item, item.line(min(rest, self._longest))))
                return

    def _put(self, section: Section, line: Line) -> None:
        self.tokens -= line.tokens + self._heading(section)
        self.memories -= not self._has(line.item)
        self._ids.add(line.item.memory.id)
        self._told.tell(line.item.text)
        self._lines.setdefault(section, {})[line.place] = line

    def _is_settled(self, section: Section, place: int, item: Item) -> bool:
        return place in self._lines.get(section, {}) or (
            item.memory.id in self.repeats and section is not Section.OPEN_QUESTIONS
        )

    def _has(self, item: Item) -> bool:
        return item.memory.id in self._ids

    def _is_new(self, item: Item) -> bool:
        if self._told.is_new(item.text):
            return True
        if item.section is not Section.OPEN_QUESTIONS:
            self.repeats.add(item.memory.id)
        return False

    def _heading(self, section: Section) -> int:
        return 0 if section in self._lines else heading_tokens(section)


def heading_tokens(section: Section) -> int:
    return estimate_tokens(f"\n{section}:\n")
