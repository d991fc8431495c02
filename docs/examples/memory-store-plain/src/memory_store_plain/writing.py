"""One transaction: a copy of everything, which is changed here and put in its place by the store, or forgotten."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from memory_core.changes import Action, Alike
from memory_core.engine.ports import Act, AliasChange, Answer, Entry, Latest, Past, Selection
from memory_core.errors import ConflictError
from memory_core.types import Memory, Scope
from memory_store_plain.kept import Kept, Link, State
from memory_store_plain.reading import Reading, chosen, matching, state_of
from memory_store_plain.scopes import is_here, meant, of_projects


class PlainTransaction(Reading):
    def __init__(self, draft: Kept) -> None:
        self._draft = draft

    @property
    def kept(self) -> Kept:
        return self._draft

    def get(self, memory_id: str) -> Memory:
        return state_of(self.kept, memory_id).memory

    def repeats(self, memory: Memory, digest: int) -> list[Memory]:
        alike = (state for state in self.kept.memories.values() if state.digest == digest and is_here(state.memory))
        same = (state.memory for state in alike if _place(state.memory) == _place(memory))
        return sorted(same, key=lambda found: (found.created_at, found.id))

    def of_topic(self, project_id: str | None, topic_key: str) -> Memory | None:
        here = (state.memory for state in self.kept.memories.values() if is_here(state.memory))
        found = (memory for memory in here if (memory.project_id, memory.topic_key) == (project_id, topic_key))
        return min(found, key=lambda memory: (memory.created_at, memory.id), default=None)

    def matching(self, scope: Scope, content_contains: str | None) -> list[str]:
        return sorted(state.memory.id for state in matching(self.kept, scope, content_contains))

    def expired(self, at: datetime) -> list[str]:
        standing = (state.memory for state in self.kept.memories.values() if state.memory.deleted_at is None)
        return sorted(each.id for each in standing if each.expires_at is not None and each.expires_at <= at)

    def latest(self, memory_id: str) -> Latest:
        now, *former = self.kept.states(memory_id)
        return Latest(
            memory_id=memory_id,
            revision=now.memory.revision,
            action=now.act.action,
            batch_id=now.act.batch_id,
            has_former=any(state.memory.revision == now.memory.revision - 1 for state in former),
        )

    def latest_of_batch(self, batch_id: str) -> list[Latest]:
        own = (each for each, state in self.kept.memories.items() if state.act.batch_id == batch_id)
        # What came with its past names the batches of where it comes from.
        brought = {
            memory_id: revision
            for memory_id, revision in self.kept.brought.get(batch_id, {}).items()
            if memory_id in self.kept.memories and self.get(memory_id).revision == revision
        }
        return [self.latest(memory_id) for memory_id in sorted(own)] + [
            Latest(memory_id=each, revision=number, action=Action.IMPORT, batch_id=batch_id, has_former=False)
            for each, number in brought.items()
        ]

    def changed_since(self, batch_id: str) -> list[str]:
        latest = {each.memory_id for each in self.latest_of_batch(batch_id)}
        did = {each for each, past in self.kept.past.items() if any(state.act.batch_id == batch_id for state in past)}
        return sorted((did | self.kept.brought.get(batch_id, {}).keys() & self.kept.memories.keys()) - latest)

    def last_changed_by(self, client_id: str | None, projects: Sequence[str] | None = None) -> tuple[str, bool] | None:
        made = [
            (state.act.at, place == 0, memory_id)
            for memory_id, now in self.kept.memories.items()
            if of_projects(now.memory, projects)
            for place, state in enumerate(self.kept.states(memory_id))
            if state.act.client_id == client_id and state.act.action not in (Action.EXPIRE, Action.IMPORT)
        ]
        if not made:
            return None
        _, is_latest, memory_id = max(made)
        return memory_id, is_latest

    def named_by(self, batch_id: str) -> list[AliasChange]:
        return sorted(self.kept.alias_changes.get(batch_id, ()), key=lambda change: change.alias)

    def insert(self, entries: Sequence[Entry], act: Act | None) -> None:
        for entry in entries:
            self.add(entry, act)

    def change(self, memory_id: str, edit: Callable[[Memory], Entry | None], act: Act | None) -> Memory:
        now = state_of(self.kept, memory_id)
        entry = edit(now.memory)
        if entry is None:
            return now.memory
        # The same words in another order have the same terms and another meaning: that is another text too.
        same = entry.memory.content == now.memory.content and dict(entry.terms) == self.kept.terms[now.doc]
        doc = now.doc if same else self._document(entry)
        act = act or Act.of(entry.memory, action=Action.UPDATE)
        return self._follow(now, entry.memory, act, doc=doc, digest=entry.digest)

    def trash(self, memory_ids: Sequence[str], act: Act) -> None:
        for now in self._states(memory_ids):
            self._follow(now, replace(now.memory, deleted_at=act.at), act)

    def revert(self, numbers: Mapping[str, int], act: Act) -> None:
        for memory_id, number in numbers.items():
            now, *past = self.kept.states(memory_id)
            former = next(state for state in past if state.memory.revision == number)
            ends = former.memory.expires_at
            memory = replace(
                former.memory,
                project_id=meant(self.kept, former.memory.project_id),
                expires_at=ends if ends is not None and ends > act.at else None,
            )
            self._follow(now, memory, act, doc=former.doc, digest=former.digest)

    def name(self, meanings: Mapping[str, str | None], act: Act) -> None:
        batch = act.batch_id or ""
        changes = tuple(
            AliasChange(alias=alias, before=self.kept.aliases.get(alias), after=after)
            for alias, after in meanings.items()
        )
        self.kept.alias_changes[batch] = self.kept.alias_changes.get(batch, ()) + changes
        named = {**self.kept.aliases, **meanings}
        self.kept.aliases = {alias: project for alias, project in named.items() if project is not None}

    def move(self, selection: Selection, act: Act) -> int:
        moving = chosen(self.kept, selection)
        for now in moving:
            self._follow(now, replace(now.memory, project_id=selection.to), act)
        return len(moving)

    def remove(self, memory_ids: Sequence[str]) -> None:
        for memory_id in memory_ids:
            docs = {state.doc for state in self.kept.states(memory_id)}
            for table in (self.kept.memories, self.kept.past, self.kept.uncompared):
                table.pop(memory_id, None)
            self.kept.links = [link for link in self.kept.links if memory_id not in _ends(link)]
            for doc in docs:
                self.kept.terms.pop(doc)
            self.drop_vectors(docs)

    def drop_vectors(self, docs: Iterable[int]) -> None:
        gone = set(docs)
        self.kept.models = [
            replace(each, vectors={doc: rows for doc, rows in each.vectors.items() if doc not in gone})
            for each in self.kept.models
        ]

    def link(self, newer: str, alike: Sequence[Alike], found_at: datetime) -> None:
        known = {frozenset(_ends(link)) for link in self.kept.links}
        new = (one for one in alike if frozenset((newer, one.memory_id)) not in known)
        self.kept.links += [Link(newer=newer, alike=one, found_at=found_at) for one in new]

    def forget_open(self, memory_id: str) -> None:
        links = self.kept.links
        self.kept.links = [link for link in links if link.settled is not None or memory_id not in _ends(link)]

    def settle(self, one: str, other: str, how: str) -> bool:
        for place, link in enumerate(self.kept.links):
            if link.settled is None and {one, other} == {*_ends(link)}:
                self.kept.links[place] = replace(link, settled=how)
                return True
        return False

    def remember_uncompared(self, memory_ids: Sequence[str]) -> None:
        self.kept.uncompared |= dict.fromkeys(memory_ids)

    def compared(self, memory_ids: Sequence[str]) -> None:
        done = set(memory_ids)
        self.kept.uncompared = {each: None for each in self.kept.uncompared if each not in done}

    def answer(self, key: str) -> Answer | None:
        return self.kept.answers[key][0] if key in self.kept.answers else None

    def keep_answer(self, key: str, answer: Answer, at: datetime) -> None:
        self.kept.answers[key] = (answer, at)

    def forget_answers(self, before: datetime) -> None:
        self.kept.answers = {key: kept for key, kept in self.kept.answers.items() if kept[1] >= before}

    def _states(self, memory_ids: Iterable[str]) -> list[State]:
        return [self.kept.memories[memory_id] for memory_id in memory_ids]

    def _document(self, entry: Entry) -> int:
        self.kept.last_doc += 1
        self.kept.terms[self.kept.last_doc] = dict(entry.terms)
        return self.kept.last_doc

    def add(self, entry: Entry, act: Act | None, past: Past | None = None) -> int:
        """The document that was made."""
        memory = entry.memory
        if memory.id in self.kept.memories:
            raise ConflictError("a memory with this id is here already; nothing was stored")
        doc = self._document(entry)
        # What comes from elsewhere has been so since it was created, as far as is known.
        begun = past.act if past else replace(act or Act.of(memory), at=memory.created_at)
        self.kept.memories[memory.id] = State(memory=memory, act=begun, doc=doc, digest=entry.digest)
        if past is not None:
            self.kept.past[memory.id] = self._past(entry, doc, past)
        return doc

    def _past(self, entry: Entry, doc: int, past: Past) -> tuple[State, ...]:
        states, until = [], past.act.at
        for former, act in past.states:
            if (former.memory.content, former.terms) != (entry.memory.content, entry.terms):
                doc = self._document(former)
            states.append(State(memory=former.memory, act=act, doc=doc, digest=former.digest, until=until))
            entry, until = former, act.at
        return tuple(states)

    def _follow(self, now: State, memory: Memory, act: Act, **text: Any) -> Memory:  # Any: doc and digest, if others
        """Keep the state before, and let no state begin before the one it follows: the clock may have been set back."""
        at = max(act.at, now.act.at)
        memory = replace(memory, revision=now.memory.revision + 1)
        self.kept.memories[memory.id] = replace(now, memory=memory, act=replace(act, at=at), **text)
        self.kept.past[memory.id] = (replace(now, until=at), *self.kept.past.get(memory.id, ()))
        return memory


def _place(memory: Memory) -> tuple[str | None, str]:
    return memory.project_id, memory.memory_type


def _ends(link: Link) -> tuple[str, str]:
    return link.newer, link.alike.memory_id
