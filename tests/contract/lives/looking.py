"""What is looked at after every step: lists, counts, history, search and what opens a session, now and as of then."""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from msgspec import structs

from contract.lives.drawn import NUMBERS, SCOPES
from contract.lives.driving import Driven
from memory_core.changes import ReviewQuery
from memory_core.diagnosis import FlawKind
from memory_core.types import ContextQuery, ListQuery, Memory, Scope, SearchMode, SearchQuery
from support.ways import SHORT

ALL = 200


class Looking(Driven):
    steps = 0

    @rule(scope=SCOPES, which=NUMBERS, limit=st.integers(1, 4), then=st.none() | NUMBERS)
    def look(self, scope: dict[str, Any], which: int, limit: int, then: int | None) -> None:
        as_of = None if then is None else self.moment(then)
        for trashed in (False, True):
            listed: list[Memory] = []
            cursor = None
            while cursor is not None or not listed:
                query = ListQuery(**scope, as_of=as_of, trashed=trashed, limit=limit, cursor=cursor)
                page = self.way.run(self.way.memories.list(query))
                listed += page.memories
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert listed == self.lives.seen(Scope(**scope, as_of=as_of, trashed=trashed))
        self.search_agrees(scope | {"as_of": as_of}, which)

    @invariant()
    def agrees(self) -> None:
        self.steps += 1
        self.lives.sweep()
        for scope in (Scope(), Scope(trashed=True), Scope(include_superseded=True)):
            self._list_agrees(scope)
        self._counts_agree()
        self._history_agrees(self.steps)
        self.search_agrees({}, self.steps)
        self._opening_agrees(None)
        then = self.moment(self.steps * 7)
        self._list_agrees(Scope(as_of=then))
        self._list_agrees(Scope(as_of=then, trashed=True))
        self.search_agrees({"as_of": then}, self.steps)
        self._opening_agrees(then)
        # Noted is what is known and harms nothing, such as a successor that is gone for good.
        assert [flaw for flaw in self.way.store.flaws() if flaw.kind is not FlawKind.NOTED] == []

    def _list_agrees(self, scope: Scope) -> None:
        page = self.way.run(self.way.memories.list(ListQuery(**structs.asdict(scope), limit=ALL)))
        assert list(page.memories) == self.lives.seen(scope)

    def _counts_agree(self) -> None:
        stats = self.way.run(self.way.memories.stats(Scope()))
        here, trash = self.lives.seen(Scope()), self.lives.seen(Scope(trashed=True))
        assert (stats.total_memories, stats.in_trash) == (len(here), len(trash))
        assert sum(stats.by_type.values()) == sum(stats.by_project.values()) == len(here)
        review = self.way.run(self.way.memories.review(ReviewQuery()))
        due = [memory for memory in here if memory.review_by is not None and memory.review_by <= self.lives.now]
        assert (review.open, review.due) == (self.lives.waiting(), len(due))

    def _history_agrees(self, which: int) -> None:
        ids = sorted(self.lives.states, key=lambda one: self.lives.states[one][-1].at, reverse=True)
        for memory_id in {*ids[:2], *ids[which % len(ids) :][:1]} if ids else ():
            history = self.way.run(self.way.memories.history(memory_id))
            assert list(history.revisions) == self.lives.states[memory_id][::-1]
            assert history.count == len(history.revisions)

    def search_agrees(self, scope: dict[str, Any], which: int) -> None:
        """For a word that some state of some memory has, and no other that was not said again."""
        words = sorted({one.memory.content.split()[-1] for states in self.lives.states.values() for one in states})
        word = words[which % len(words)] if words else "nothing"
        asked = SearchQuery(**scope, query=word, search_mode=SearchMode.KEYWORD, limit=ALL)
        meant = Scope(**{name: getattr(asked, name) for name in Scope.__struct_fields__})
        holders = {one.id[:SHORT] for one in self.lives.seen(meant) if one.content.split()[-1] == word}
        assert self.way.found(asked) == holders

    def _opening_agrees(self, as_of: datetime | None) -> None:
        opening = self.way.opening(ContextQuery(max_memories=ALL, max_tokens=20_000, as_of=as_of))
        expected = [memory_id[:SHORT] for memory_id in self.lives.opening(Scope(as_of=as_of))]
        assert opening == expected if self.way.tells_all else set(opening) == set(expected)
