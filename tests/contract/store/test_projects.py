"""What a store knows of projects: names that mean another one, and memories that move, with nothing else changed."""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pytest

from memory_core.changes import Action
from memory_core.engine.ports import Act, AliasChange, KeptProject, Selection, Store
from memory_core.types import Scope
from support.entries import MODEL, START, edited, embed, entry, probe, random_vectors
from support.every_store import Opener

LATER = START + timedelta(hours=2)


def moving(batch_id: str = "move-1", **fields: str) -> Act:
    return Act(action=Action.MOVE, at=LATER, batch_id=batch_id, **fields)  # type: ignore[arg-type]


def name(store: Store, meanings: Mapping[str, str | None], batch_id: str = "move-1") -> None:
    with store.transaction() as tx:
        tx.name(meanings, moving(batch_id))


def move(store: Store, selection: Selection, batch_id: str = "move-1") -> int:
    with store.transaction() as tx:
        return tx.move(selection, moving(batch_id))


def all_of(project_id: str, to: str | None) -> Selection:
    return Selection(to=to, scope=Scope(project_id=project_id), whole=True)


def test_projects_are_counted_by_what_is_here(store: Store) -> None:
    entries = [entry("one", project_id="x"), entry("two", project_id="x", minute=5), entry("three", project_id="y")]
    store.insert([*entries, entry("of none")])
    store.change(entries[2].memory.id, edited(deleted_at=LATER))
    store.change(entries[0].memory.id, edited(superseded_by=entries[1].memory.id))

    assert store.projects() == [
        KeptProject(project_id="x", memories=1, updated_at=START + timedelta(minutes=5)),
        KeptProject(project_id="y", memories=0, updated_at=None),
    ]


def test_names_are_kept_changed_and_forgotten_in_one_step_each(store: Store) -> None:
    name(store, {"a": "x", "b": "x"})
    name(store, {"a": "y", "b": None, "c": "y"}, "move-2")

    assert store.aliases() == {"a": "y", "c": "y"}
    with store.transaction() as tx:
        assert tx.aliases() == {"a": "y", "c": "y"}
        assert tx.named_by("move-2") == [
            AliasChange(alias="a", before="x", after="y"),
            AliasChange(alias="b", before="x", after=None),
            AliasChange(alias="c", before=None, after="y"),
        ]
        assert tx.named_by("move-3") == []


def test_a_transaction_that_fails_changes_no_name_and_moves_nothing(store: Store) -> None:
    store.insert([entry("one", project_id="x")])

    def half_a_merge() -> None:
        with store.transaction() as tx:
            tx.move(all_of("x", "y"), moving())
            tx.name({"x": "y"}, moving())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_a_merge()

    assert store.aliases() == {}
    assert [each.project_id for each in store.projects()] == ["x"]


def test_what_moves_keeps_its_words_and_vectors_and_has_the_state_before(store: Store) -> None:
    one, two = entry("ferry tickets", project_id="x"), entry("gone", project_id="x")
    store.use_model(MODEL)
    store.insert([one, two, entry("there", project_id="y")])
    vectors = random_vectors(1)
    embed(store, {one.memory.id: vectors})
    store.change(two.memory.id, edited(deleted_at=LATER))
    waiting = store.count_pending()

    assert move(store, all_of("x", "y")) == 2

    found = store.get(one.memory.id)
    assert (found.project_id, found.revision, found.updated_at) == ("y", 2, one.memory.updated_at)
    assert store.get(two.memory.id, trashed=True).project_id == "y"
    kept = store.vectors_of(one.memory.id)
    assert kept is not None
    assert np.array_equal(kept, vectors)
    assert store.count_pending() == waiting
    hits = store.candidates(probe("ferry", vector=vectors[0]), Scope(project_id="y"))
    assert next(hit for hit in hits if hit.memory.id == one.memory.id).bm25 > 0
    assert not store.candidates(probe("ferry"), Scope(project_id="x"))
    last, first = store.history(one.memory.id)
    assert (last.action, last.batch_id, first.memory) == (Action.MOVE, "move-1", one.memory)


def test_a_selection_says_before_what_will_move(store: Store) -> None:
    here = [entry(f"the api {n}", project_id="x", minute=n, topic_key=f"t{n}") for n in range(4)]
    other = entry("there", project_id="y", topic_key="t1")
    store.insert([*here, other])
    store.change(here[3].memory.id, edited(deleted_at=LATER))

    whole = store.movable(all_of("x", "y"), sample=2)
    some = Selection(to="y", scope=Scope(), content_contains="API", memory_ids=(here[0].memory.id, other.memory.id))
    chosen = store.movable(some, sample=9)

    assert (whole.matched, whole.in_trash, whole.clashes) == (4, 1, 1)
    assert [memory.id for memory in whole.sample] == [here[3].memory.id, here[2].memory.id]
    assert [memory.id for memory in chosen.sample] == [here[0].memory.id]
    assert (chosen.matched, chosen.clashes) == (1, 0)
    assert move(store, some) == 1
    assert store.movable(some, sample=9).matched == 0


def test_what_comes_from_two_projects_with_one_topic_clashes_too(store: Store) -> None:
    store.insert([entry("one", project_id="x", topic_key="t"), entry("two", project_id="y", topic_key="t")])

    assert store.movable(Selection(to="z", scope=Scope()), sample=0).clashes == 1


def test_the_past_is_of_the_project_that_its_name_means_now(store: Store) -> None:
    store.insert([entry("one", project_id="x")])
    move(store, all_of("x", "y"))
    then = Scope(project_id="y", as_of=LATER - timedelta(minutes=1))
    assert store.newest(then, limit=9) == []

    name(store, {"x": "y"})

    assert [memory.project_id for memory in store.newest(then, limit=9)] == ["y"]
    assert store.counts(then).by_project == {"y": 1}
    assert [hit.memory.project_id for hit in store.candidates(probe("one"), then)] == ["y"]
    within = Scope(projects=("y",), as_of=LATER - timedelta(minutes=1))
    assert len(store.newest(within, limit=9)) == 1


def test_what_goes_back_to_a_state_of_an_old_name_is_where_that_means(store: Store) -> None:
    one = entry("one", project_id="x")
    store.insert([one])
    move(store, all_of("x", "y"))
    name(store, {"x": "y"})

    with store.transaction() as tx:
        tx.revert({one.memory.id: 1}, Act(action=Action.UNDO, at=LATER))

    assert store.get(one.memory.id).project_id == "y"


def test_names_are_there_after_another_start(opener: Opener, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("kept")
    first = opener(folder)
    name(first, {"a": "x"})
    first.close()

    again = opener(folder)
    assert again.aliases() == {"a": "x"}
    again.close()
