"""Names of projects are never in doubt, whatever is renamed in whatever order; a crash leaves all of it or nothing."""

import contextlib
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from memory_core.changes import Action, By, UndoRequest
from memory_core.engine import renaming, undoing
from memory_core.engine.names import MAX_ALIASES, Names, changed, short_names, straight
from memory_core.engine.ports import Act, Transaction
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.engine.writing import Found
from memory_core.errors import ConflictError, MemoryServiceError
from memory_core.projects import MoveQuery, NewAlias, ProjectMerge
from memory_core.types import NewMemory, Scope
from support import shelves
from support.entries import START, entry
from support.kills import killed_at, kills
from support.services import opened

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
PATHS = st.lists(st.sampled_from(["a", "b", "shop", ""]), min_size=1, max_size=4).map("/".join).filter(bool)
BY = By(client_id="laptop")


# ── Names alone ──


@given(st.lists(PATHS, unique=True, max_size=8))
def test_a_short_name_is_an_end_of_its_project_and_nobody_elses(projects: list[str]) -> None:
    names = short_names(projects)

    assert list(names) == projects
    assert len(set(names.values())) == len(projects)
    for project, name in names.items():
        assert name == project or [*filter(None, project.split("/"))][-name.count("/") - 1 :] == name.split("/")
        assert name == project or name not in projects


@given(st.dictionaries(NAMES, NAMES))
def test_chains_are_made_straight_and_circles_are_refused(known: dict[str, str]) -> None:
    try:
        found = straight(known)
    except ConflictError:
        assert any(_comes_back(known, name) for name in known)
        return
    assert found.keys() == known.keys()
    assert not set(found.values()) & found.keys()


def _comes_back(known: dict[str, str], name: str) -> bool:
    passed = []
    while name in known and name not in passed:
        passed.append(name)
        name = known[name]
    return name in passed


def test_there_is_an_end_to_other_names() -> None:
    many = {f"alias {number}": "x" for number in range(MAX_ALIASES)}

    assert len(changed({}, many)) == MAX_ALIASES
    with pytest.raises(ConflictError, match="at most 10,000 fit"):
        changed(many, many | {"one more": "x"})


def test_a_scope_without_another_name_is_left_as_it_is() -> None:
    scope = Scope(project_id="x", projects=("x", ""))

    assert Names({}).scope(scope) is scope
    assert Names({"old": "y"}).scope(scope) is scope
    assert Names({"x": "y", "z": "y"}).scope(replace(scope, projects=("x", "y", "z", ""))) == Scope(
        project_id="y", projects=("y", "")
    )


# ── In any order ──

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), NAMES, NAMES),
        st.tuples(st.just("alias"), NAMES, NAMES),
        st.tuples(st.just("unalias"), NAMES, NAMES),
        st.tuples(st.just("merge"), NAMES, NAMES),
        st.tuples(st.just("undo"), NAMES, NAMES),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_in_any_order_no_memory_is_lost_or_under_a_name_that_means_another(steps: list[tuple[str, str, str]]) -> None:
    """And whatever was done last is taken back exactly, and done again exactly."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(shelves.opened(Path(folder))) as store:
        world = World(store)
        for verb, one, other in steps:
            before = world.seen()
            with contextlib.suppress(MemoryServiceError):  # refused: then nothing has happened
                batch_id = world.done(verb, one, other)
                world.check()
                if batch_id is not None and verb != "undo":
                    after = world.seen()
                    undone = world.undone(batch_id)
                    assert world.seen() == before
                    world.undone(undone)
                    assert world.seen() == after
            world.check()


class World:
    """A store, and how many memories it must have."""

    def __init__(self, store: DuckDBStore) -> None:
        self.store = store
        self.kept = 0
        self.minutes = 0
        self.batches: list[str] = []

    def done(self, verb: str, one: str, other: str) -> str | None:
        """The batch, where there is one."""
        with self.store.transaction() as tx:
            batch_id = getattr(self, f"_{verb}")(tx, one, other)
        if batch_id is not None:
            self.batches.append(batch_id)
        self.kept += verb == "add"
        return batch_id if verb != "add" else None

    def _add(self, tx: Transaction, one: str, _: str) -> None:
        memory = Names(tx.aliases()).memory(entry("x", project_id=one).memory)
        tx.insert([entry("x", project_id=memory.project_id, id=memory.id)], self._act("create"))

    def _alias(self, tx: Transaction, one: str, other: str) -> str | None:
        renaming.alias(tx, NewAlias(alias=one, project_id=other), done := self._act())
        return done.batch_id if tx.named_by(str(done.batch_id)) else None

    def _unalias(self, tx: Transaction, one: str, _: str) -> str | None:
        renaming.unalias(tx, one, done := self._act())
        return done.batch_id

    def _merge(self, tx: Transaction, one: str, other: str) -> str | None:
        return renaming.merge(tx, ProjectMerge(source=one, target=other), self._act()).batch_id

    def _undo(self, tx: Transaction, one: str, _: str) -> str | None:
        if not self.batches:
            return None
        asked = self.batches[ord(one) % len(self.batches)]
        return undoing.undo_batch(tx, asked, BY, START + timedelta(minutes=self._minute())).batch_id

    def undone(self, batch_id: str) -> str:
        with self.store.transaction() as tx:
            return undoing.undo_batch(tx, batch_id, BY, START + timedelta(minutes=self._minute())).batch_id

    def seen(self) -> object:
        memories = self.store.newest(Scope(), limit=200)
        return sorted((each.id, each.project_id) for each in memories), self.store.aliases()

    def check(self) -> None:
        assert len(self.store.newest(Scope(), limit=200)) == self.kept
        assert self.store.flaws() == []

    def _act(self, action: str = "move") -> Act:
        minute = self._minute()
        return Act(action=Action(action), at=START + timedelta(minutes=minute), batch_id=f"{action}-{minute}")

    def _minute(self) -> int:
        self.minutes += 1
        return self.minutes


# ── In the service ──


async def test_a_write_that_was_on_its_way_when_its_project_was_renamed_comes_to_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        on_its_way = service._names.memory(service._changes.born(NewMemory(content="x", project_id="old")))
        await service.merge_projects(ProjectMerge(source="old", target="new", dry_run=False))

        kept = service._add(NewMemory(content="x", project_id="old"), on_its_way, None, Found((), True), (), BY, ())

        assert kept.project_id == "new"


MERGE = """
import asyncio
from pathlib import Path

from memory_core.projects import ProjectMerge
from support.services import opened

async def main():
    async with opened(Path(sys.argv[1])) as service:
        arm()
        await service.merge_projects(ProjectMerge(source="old", target="new", dry_run=False))

asyncio.run(main())
"""
HALF_A_MERGE = """
from datetime import UTC, datetime
from pathlib import Path

from memory_core.changes import Action
from memory_core.engine.ports import Act, Selection, StoreOptions
from memory_core.engine.stores.duckdb import open_store
from memory_core.types import Scope

store = open_store("", StoreOptions(data_dir=Path(sys.argv[1])))
act = Act(action=Action.MOVE, at=datetime.now(UTC), batch_id="move-1")
with store.transaction() as tx:
    tx.move(Selection(to="new", scope=Scope(project_id="old"), whole=True), act)
    tx.name({"old": "new"}, act)
    os.kill(os.getpid(), 9)
"""


async def test_a_crash_in_a_merge_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    begun, folder = tmp_path / "begun", tmp_path / "data"
    async with opened(begun) as service:
        for number in range(20):
            await service.add(NewMemory(content=f"number {number}", project_id="old"))
    nothing, everything = ({"old": 20}, {}), ({"new": 20}, {"old": "new"})

    async def left() -> object:
        """In a store that then is as it was before."""
        async with opened(folder) as service:
            seen = (await service.stats(Scope())).by_project, dict(service._kept.aliases())
            assert service._kept.flaws() == []
        shutil.rmtree(folder)
        shutil.copytree(begun, folder)
        return seen

    shutil.copytree(begun, folder)
    assert killed_at(1, HALF_A_MERGE, folder)
    assert await left() == nothing
    found = [await left() for _ in kills(MERGE, folder)]
    assert found
    assert all(one in (nothing, everything) for one in found)


async def test_a_move_is_counted_against_no_quota_and_asks_for_no_vector(tmp_path: Path) -> None:
    """What is kept stays the same, so there is nothing to embed and nothing more to pay for."""
    async with opened(tmp_path) as service:
        kept = await service.add(NewMemory(content="x", project_id="old"), by=By(key="laptop"))
        before = service._kept.usage("laptop")

        report = await service.move(
            MoveQuery(to="new", memory_ids=(kept.id,), dry_run=False), by=By(key="another", client_id="desk")
        )

        assert service._kept.usage("laptop") == before
        assert service._kept.usage("another").memories == 0
        await service.undo(UndoRequest(batch_id=report.batch_id))
        assert (await service.get(kept.id)).project_id == "old"
