"""Whatever is done to memories in whatever order, every way to them agrees with a plain dict of their states.

`MEMORY_TEST_LIVES=300x50` makes 300 examples of 50 steps each, of every way, in place of the few of an ordinary run.
"""

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    consumes,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import structs

from contract.lives.drawn import ADDED, CALLS, CHANGES, DAY, LATER, NUMBERS, PROJECTS, SECOND, TAGS, TEXTS, TOPICS, Call
from contract.lives.looking import Looking
from memory_core.changes import By, Decision, Outcome, Settlement, TrashQuery, UndoReport, UndoRequest
from memory_core.errors import InvalidError
from memory_core.memories import Memories
from memory_core.types import ExportQuery, FileFormat, Memory, MemoryPatch, NewMemory, PurgeQuery, Scope
from support.chronicle import States
from support.lives import Lives, Undone
from support.ways import OverMcp, OverRest, Way

REMEMBERED, TRASH_KEPT = 90 * DAY, 30 * DAY
SEVERAL = {"min_size": 4, "max_size": 4}


class Lifetimes(Looking):
    known = Bundle("known")
    files = Bundle("files")

    @initialize(target=known, calls=st.lists(CALLS, **SEVERAL), seeds=st.lists(ADDED, **SEVERAL))
    def begin(self, calls: list[Call], seeds: list[dict[str, Any]]) -> Any:
        kept = [self._add(call, self._new(seed)) for call, seed in zip(calls, seeds, strict=True)]
        return multiple(*(one for one in kept if isinstance(one, str)))

    @rule(target=known, call=CALLS, new=ADDED)
    def add(self, call: Call, new: dict[str, Any]) -> Any:
        return self._add(call, self._new(new))

    @rule(target=known, call=CALLS, old=known, text=TEXTS, topic=TOPICS, project=PROJECTS)
    def add_in_the_place_of(self, call: Call, old: str, text: str, topic: str | None, project: str | None) -> Any:
        content = f"{text} {self.word()}".strip()
        return self._add(call, NewMemory(content=content, project_id=project, topic_key=topic, supersedes=old))

    @rule(target=known, call=CALLS, memory_id=known, tags=TAGS, end=LATER, old=st.none() | known)
    def repeat(self, call: Call, memory_id: str, tags: tuple[str, ...], end: timedelta | None, old: str | None) -> Any:
        if memory_id not in self.lives.states:
            return multiple()
        memory = self.lives.latest(memory_id)
        return self._add(
            call,
            NewMemory(
                content=memory.content,
                memory_type=memory.memory_type,
                project_id=memory.project_id,
                tags=tags,
                expires_at=self.after(end),
                supersedes=old,
            ),
        )

    def _add(self, call: Call, new: NewMemory) -> Any:
        new = structs.replace(new, client_id=call.client)

        def agrees(kept: Any, by: By) -> None:
            memory, outcome = self.lives.add(new, by, kept.id, self.new_batch(kept.id, new.supersedes))
            assert (kept.memory, kept.outcome) == (memory, outcome)
            alike = [one.memory_id for one in kept.alike]
            if not self.way.tells_all:
                alike = [self.whole(short) for short in alike]
            here = {each.id for each in self.lives.seen(Scope(project_id=new.project_id, include_superseded=True))}
            assert set(alike) <= here - {kept.id}
            if outcome is not Outcome.UNCHANGED:
                self.lives.link(kept.id, alike)

        kept = self.do(call, lambda to, by: to.add(new, by=by), agrees)
        return multiple() if kept is None else kept.id

    @rule(call=CALLS, memory_id=known, changes=CHANGES)
    def update(self, call: Call, memory_id: str, changes: dict[str, Any]) -> None:
        patch = MemoryPatch(**self.fields_of(changes))

        async def update(to: Memories, by: By) -> Memory:
            return (await to.update(memory_id, patch, by=by)).memory

        self._change(call, update, lambda by: self.lives.update(memory_id, patch, by))

    @rule(call=CALLS, memory_id=known)
    def delete(self, call: Call, memory_id: str) -> None:
        self._change(call, lambda to, by: to.delete(memory_id, by=by), lambda by: self.lives.delete(memory_id, by))

    @rule(call=CALLS, memory_id=known, revision=st.none() | st.integers(1, 6))
    def restore(self, call: Call, memory_id: str, revision: int | None) -> None:
        self._change(
            call,
            lambda to, by: to.restore(memory_id, revision=revision, by=by),
            lambda by: self.lives.restore(memory_id, revision, by),
        )

    def _change(
        self, call: Call, say: Callable[[Memories, By], Awaitable[Memory]], plain: Callable[[By], Memory]
    ) -> None:
        def agrees(memory: Memory, by: By) -> None:
            assert plain(by) == memory

        self.do(call, say, agrees)

    @rule(call=CALLS, keep=known, other=known, decision=st.sampled_from(Decision), text=st.none() | TEXTS)
    def settle(self, call: Call, keep: str, other: str, decision: Decision, text: str | None) -> None:
        self._settle(call, keep, other, decision, text)

    @precondition(lambda self: self.lives.pairs)
    @rule(call=CALLS, which=NUMBERS, decision=st.sampled_from(Decision))
    def settle_a_pair(self, call: Call, which: int, decision: Decision) -> None:
        pairs = sorted(map(sorted, self.lives.pairs))
        one, other = pairs[which % len(pairs)]
        self._settle(call, one, other, decision, None)

    def _settle(self, call: Call, keep: str, other: str, decision: Decision, text: str | None) -> None:
        merged = f"{text} {self.word()}".strip() if text and decision is Decision.MERGE else None
        asked = Settlement(keep=keep, other=other, decision=decision, content=merged)

        def agrees(settled: Any, by: By) -> None:
            batch_id = settled.batch_id or ""
            assert self.lives.settle(keep, other, decision, merged, by, batch_id) == settled.memory
            assert bool(batch_id) == (decision is not Decision.KEEP_BOTH)

        self.do(call, lambda to, by: to.settle(asked, by=by), agrees)

    @rule(call=CALLS, word=st.sampled_from(["8000", "deploy"]), project=PROJECTS, dry_run=st.booleans())
    def purge(self, call: Call, word: str, project: str | None, dry_run: bool) -> None:
        query = PurgeQuery(project_id=project, content_contains=word, dry_run=dry_run)

        def fits(memory: Memory) -> bool:
            return memory.project_id == project and word in memory.content

        def agrees(report: Any, by: By) -> None:
            if dry_run:
                self.lives.sweep()
                matched = [memory.id for memory in self.lives.seen(Scope()) if fits(memory)]
                assert (report.matched, report.purged, report.batch_id) == (len(matched), 0, None)
                return
            gone = self.lives.purge(fits, by, report.batch_id)
            assert (report.matched, report.purged) == (len(gone), len(gone))
            assert {memory.id for memory in report.sample} <= set(gone)
            assert (report.batch_id is None) == (not gone)

        self.do(call, lambda to, by: to.purge(query, by=by), agrees, keeps_key=not dry_run)

    @rule(call=CALLS, older_than_days=st.sampled_from([0, 1, 10]), dry_run=st.booleans())
    def empty_trash(self, call: Call, older_than_days: int, dry_run: bool) -> None:
        query = TrashQuery(older_than_days=older_than_days, dry_run=dry_run)

        def agrees(report: Any, _: By) -> None:
            self.lives.sweep()
            before = self.lives.now - older_than_days * DAY
            gone = self.lives.lain_since(before) if dry_run else self.lives.empty_trash(before)
            assert (report.matched, report.removed) == (len(gone), 0 if dry_run else len(gone))
            assert {memory.id for memory in report.sample} <= gone

        self.do(call._replace(keyed=False), lambda to, _: to.empty_trash(query), agrees)

    @rule(call=CALLS, memory_id=known)
    def undo(self, call: Call, memory_id: str) -> None:
        self._undo(call, UndoRequest(memory_id=memory_id), lambda by, b: self.lives.undo_memory(memory_id, by, b))

    @rule(call=CALLS)
    def undo_the_last_change(self, call: Call) -> None:
        self._undo(call, UndoRequest(), self.lives.undo_last)

    @precondition(lambda self: self.batches())
    @rule(call=CALLS, which=NUMBERS)
    def undo_a_batch(self, call: Call, which: int) -> None:
        batches = self.batches()
        batch_id = batches[which % len(batches)]
        self._undo(call, UndoRequest(batch_id=batch_id), lambda by, b: self.lives.undo_batch(batch_id, by, b))

    def _undo(self, call: Call, asked: UndoRequest, plain: Callable[[By, str], Undone]) -> None:
        def agrees(report: UndoReport, by: By) -> None:
            action, undone, changed = plain(by, report.batch_id)
            assert (report.action, report.undone, set(report.changed_since)) == (action, len(undone), changed)
            assert {memory.id: memory for memory in report.sample} == {
                memory_id: self.lives.latest(memory_id) for memory_id in undone
            }

        self.do(call, lambda to, by: to.undo(asked, by=by), agrees)

    @precondition(lambda self: self.said)
    @rule(call=CALLS, which=NUMBERS)
    def say_again(self, call: Call, which: int) -> None:
        self.wait(call.pause)
        said = self.said[which % len(self.said)]
        again = self.way.run(said.say(self.way.memories, said.by))
        assert self.told(again) == self.told(said.answer)

    @precondition(lambda self: self.said)
    @rule(call=CALLS, which=NUMBERS)
    def say_something_else_with_a_used_key(self, call: Call, which: int) -> None:
        self.wait(call.pause)
        by = self.said[which % len(self.said)].by
        with pytest.raises(InvalidError, match="idempotency key"):
            self.way.run(self.way.memories.add(NewMemory(content="another request"), by=by))

    @rule(target=files, format=st.sampled_from(FileFormat))
    def export(self, format: FileFormat) -> tuple[Path, dict[str, States]]:  # noqa: A002 - as the query names it
        path = self.path("export")
        count = self.way.run(self.way.memories.export_file(path, ExportQuery(format=format)))
        assert count == len(self.lives.states)
        return path, {memory_id: list(states) for memory_id, states in self.lives.states.items()}

    @rule(call=CALLS, file=files)
    def take_in(self, call: Call, file: tuple[Path, dict[str, States]]) -> None:
        path, exported = file

        def agrees(report: Any, by: By) -> None:
            imported, unchanged, differ = self.lives.take_in(exported, report.batch_id)
            assert (report.imported, report.unchanged, set(report.conflicts)) == (imported, unchanged, differ)
            assert (report.batch_id is None) == (not imported)

        self.do(call, lambda to, by: to.import_file(path, by=by), agrees)

    @rule(call=CALLS, file=consumes(files))
    def move_to_an_empty_store(self, call: Call, file: tuple[Path, dict[str, States]]) -> None:
        self.way.close()
        self.lives = Lives(self.lives.now)
        self.said = []
        self.way = self.open()
        self.take_in(call, file)

    @rule()
    def restart(self) -> None:
        self.way.close()
        self.way = self.open(anew=False)

    @rule(pause=st.sampled_from([SECOND, DAY, 31 * DAY]))
    def tidy(self, pause: timedelta) -> None:
        self.wait(pause)
        self.way.maintain()
        self.lives.sweep()
        self.lives.empty_trash(self.lives.now - TRASH_KEPT)
        self.said = [said for said in self.said if said.at >= self.lives.now - REMEMBERED]

    def _new(self, drawn: dict[str, Any]) -> NewMemory:
        return NewMemory(**self.fields_of(drawn))


FEW = {Way: (10, 25), OverRest: (4, 20), OverMcp: (4, 15)}


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kind", FEW)
def test_every_way_to_memories_agrees_with_a_dict_whatever_happens(kind: type[Way]) -> None:
    examples, steps = FEW[kind]
    if long := os.environ.get("MEMORY_TEST_LIVES"):
        examples, steps = map(int, long.split("x"))
    machine = type(f"Lifetimes{kind.__name__}", (Lifetimes,), {"kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
