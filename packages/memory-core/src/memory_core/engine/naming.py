"""The verbs of `Memories` about projects: which there are, under which names, and what moves. A base of the service.

What a change of names does within its transaction is in `renaming`; what a name means is looked up in `names`.
"""

from collections.abc import Callable
from typing import TypeVar

from msgspec import structs

from memory_core.changes import ANYONE, Action, By
from memory_core.engine import renaming
from memory_core.engine.changing import act, new_batch
from memory_core.engine.moving import Moving
from memory_core.engine.names import listed
from memory_core.engine.ports import Act, Transaction
from memory_core.engine.selections import Selection
from memory_core.engine.writing import Sight
from memory_core.projects import MoveQuery, MoveReport, NewAlias, ProjectInfo, ProjectList, ProjectMerge
from memory_core.types import Scope

T = TypeVar("T")


class Naming(Moving):
    async def projects(self) -> ProjectList:
        return await self._seen(lambda _: listed(self._store.projects(), self._store.aliases()))

    async def alias(self, new: NewAlias, *, by: By = ANYONE) -> ProjectInfo:
        self._vetting.name("alias", new.alias)
        self._vetting.name("project_id", new.project_id)
        return await self._renamed(by, ("alias", new), ProjectInfo, lambda tx, done: renaming.alias(tx, new, done))

    async def unalias(self, alias: str, *, by: By = ANYONE) -> ProjectInfo:
        return await self._renamed(
            by, ("unalias", alias), ProjectInfo, lambda tx, done: renaming.unalias(tx, alias, done)
        )

    async def merge_projects(self, asked: ProjectMerge, *, by: By = ANYONE) -> MoveReport:
        self._vetting.name("target", asked.target)
        if asked.dry_run:
            report = await self._seen(lambda _: self._forecast_of(renaming.merging(self._store.aliases(), asked)))
            return structs.replace(report, alias=asked.source)
        return await self._renamed(by, ("merge", asked), MoveReport, lambda tx, done: renaming.merge(tx, asked, done))

    async def move(self, query: MoveQuery, *, by: By = ANYONE) -> MoveReport:
        self._vetting.name("to", query.to)
        if query.dry_run:
            return await self._seen(lambda at: self._forecast_of(self._selection(query, at)))

        def work(tx: Transaction, by: By) -> MoveReport:
            return renaming.move(tx, self._selection(query, self._named), self._as_a_move(by))

        return await self._done(by, ("move", query), MoveReport, work)

    async def _renamed(
        self, by: By, asked: tuple[object, ...], kind: type[T], work: Callable[[Transaction, Act], T]
    ) -> T:
        return await self._done(by, asked, kind, lambda tx, by: work(tx, self._as_a_move(by)), renames=True)

    def _as_a_move(self, by: By) -> Act:
        return act(Action.MOVE, self._clock(), by, new_batch(Action.MOVE))

    def _forecast_of(self, selection: Selection) -> MoveReport:
        found = self._store.movable(selection, sample=renaming.SAMPLE)
        return MoveReport(
            dry_run=True,
            matched=found.matched,
            moved=0,
            sample=found.sample,
            in_trash=found.in_trash,
            clashes=found.clashes,
        )

    def _selection(self, query: MoveQuery, at: Sight) -> Selection:
        scope = Scope(**{name: getattr(query, name) for name in Scope.__struct_fields__})
        named = None
        if query.memory_ids:
            named = tuple(self._resolve(memory_id) for memory_id in query.memory_ids)
            scope = structs.replace(scope, include_superseded=True)  # who names it means it
        return Selection(
            to=self._names.meant(query.to),
            scope=at(scope),
            content_contains=query.content_contains,
            memory_ids=named,
        )
