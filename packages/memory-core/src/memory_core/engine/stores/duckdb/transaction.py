"""What one transaction on the DuckDB file can do; see `ports.Transaction`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from memory_core.changes import Alike, Revision
from memory_core.engine.ports import Act, Answer, Entry, Latest, Usage
from memory_core.engine.selections import AliasChange, KeptProject, Movable, Selection
from memory_core.engine.stores.duckdb import answers, links, reads, removal, revisions, writes
from memory_core.engine.stores.duckdb import projects as naming
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.scope import Condition
from memory_core.types import Memory, Scope


class DuckDBTransaction:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def get(self, memory_id: str) -> Memory:
        return reads.by_id(self._cursor, memory_id, trashed=None)

    def among(self, memory_ids: Sequence[str]) -> list[Memory]:
        return reads.among(self._cursor, memory_ids)

    def repeats(self, memory: Memory, digest: int) -> list[Memory]:
        return reads.repeats(self._cursor, memory, digest)

    def of_topic(self, project_id: str | None, topic_key: str) -> Memory | None:
        return reads.of_topic(self._cursor, project_id, topic_key)

    def matching(self, scope: Scope, content_contains: str | None) -> list[str]:
        return reads.ids(self._cursor, reads.purgeable(replace(scope, trashed=False), content_contains))

    def expired(self, at: datetime) -> list[str]:
        return reads.expired(self._cursor, at)

    def history(self, memory_id: str) -> list[Revision]:
        return revisions.history(self._cursor, memory_id)

    def latest(self, memory_id: str) -> Latest:
        return revisions.latest_of(self._cursor, memory_id)[0]

    def latest_of_batch(self, batch_id: str) -> list[Latest]:
        return revisions.latest_of_batch(self._cursor, batch_id)

    def changed_since(self, batch_id: str) -> list[str]:
        return revisions.changed_since(self._cursor, batch_id)

    def last_changed_by(self, client_id: str | None, projects: Sequence[str] | None = None) -> tuple[str, bool] | None:
        return revisions.last_changed_by(self._cursor, client_id, projects)

    def insert(self, entries: Sequence[Entry], act: Act) -> None:
        writes.insert(self._cursor, entries, act)

    def change(self, memory_id: str, edit: Callable[[Memory], Entry | None], act: Act) -> Memory:
        return writes.change(self._cursor, memory_id, edit, act)

    def trash(self, memory_ids: Sequence[str], act: Act) -> None:
        if memory_ids:
            writes.trash(self._cursor, Condition(writes.GIVEN, {"ids": list(memory_ids)}), act)

    def revert(self, numbers: Mapping[str, int], act: Act) -> None:
        if numbers:
            writes.revert(self._cursor, numbers, act)

    def projects(self) -> list[KeptProject]:
        return naming.projects(self._cursor)

    def aliases(self) -> dict[str, str]:
        return naming.aliases(self._cursor)

    def named_by(self, batch_id: str) -> list[AliasChange]:
        return naming.named_by(self._cursor, batch_id)

    def name(self, meanings: Mapping[str, str | None], act: Act) -> None:
        naming.name(self._cursor, meanings, act)

    def movable(self, selection: Selection, *, sample: int) -> Movable:
        return naming.movable(self._cursor, selection, sample=sample)

    def move(self, selection: Selection, act: Act) -> int:
        return writes.move(self._cursor, naming.chosen(selection), act)

    def remove(self, memory_ids: Sequence[str]) -> None:
        if memory_ids:
            removal.remove(self._cursor, memory_ids)

    def lain_since(self, before: datetime, *, sample: int) -> tuple[list[str], list[Memory]]:
        return removal.lain_since(self._cursor, before, sample=sample)

    def link(self, newer: str, alike: Sequence[Alike], found_at: datetime) -> None:
        links.link(self._cursor, newer, alike, found_at)

    def forget_open(self, memory_id: str) -> None:
        links.forget_open(self._cursor, memory_id)

    def settle(self, one: str, other: str, how: str) -> bool:
        return links.settle(self._cursor, one, other, how)

    def remember_uncompared(self, memory_ids: Sequence[str]) -> None:
        links.remember_uncompared(self._cursor, memory_ids)

    def compared(self, memory_ids: Sequence[str]) -> None:
        links.compared(self._cursor, memory_ids)

    def usage(self, key: str) -> Usage:
        return reads.usage(self._cursor, key)

    def answer(self, key: str) -> Answer | None:
        return answers.read(self._cursor, key)

    def keep_answer(self, key: str, answer: Answer, at: datetime) -> None:
        answers.keep(self._cursor, key, answer, at)

    def forget_answers(self, before: datetime) -> None:
        answers.forget(self._cursor, before)
