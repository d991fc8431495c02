"""The two ways of a search answer alike: which one the size of a store picks cannot be told from the candidates."""

from pathlib import Path

import numpy as np
import pytest

from memory_core.engine.ports import Candidate, Store, StoreOptions
from memory_core.engine.stores.duckdb import open_store, pieces, search
from memory_core.types import Scope
from support.entries import MODEL, embed, entry, probe, random_vectors

SCOPES = (Scope(), Scope(project_id="x"), Scope(project_id="y", include_global=False), Scope(project_id="none"))
PROBES = (
    probe("w1", "w5", "absent", vector=random_vectors(7)[0], pool=8, coarse_pool=20),
    probe("w2", vector=random_vectors(8)[0], pool=200, coarse_pool=400),
    probe("w3", "w4", pool=5),
    probe(vector=random_vectors(9)[0], pool=5, coarse_pool=30),
    probe("w1", vector=random_vectors(6)[0], pool=3, coarse_pool=400, phrases=("w2 w3",)),
    probe(phrases=("w4", "w5")),
)


@pytest.mark.parametrize("exact", [0, 1000])
def test_both_ways_give_the_same_candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: int) -> None:
    store = open_store("", StoreOptions(data_dir=tmp_path))
    _fill(store)
    monkeypatch.setattr(pieces, "EXACT", exact)
    for asked in PROBES:
        if exact and asked.coarse_pool < 400:
            continue  # an exact comparison of all may know better than a first pass over signs
        for scope in SCOPES:
            monkeypatch.setattr(search, "SMALL", 0)
            expected = store.candidates(asked, scope)
            monkeypatch.setattr(search, "SMALL", 1000)
            _same(store.candidates(asked, scope), expected)
    store.close()


def _fill(store: Store) -> None:
    rng = np.random.default_rng(3)
    projects = ("x", "y", None)
    entries = [
        entry(
            " ".join(f"w{word}" for word in rng.integers(0, 9, size=rng.integers(1, 12))),
            project_id=projects[n % 3],
            session_id=f"session {n // 8}" if n % 2 else None,
            minute=n // 4,
        )
        for n in range(150)
    ]
    store.insert(entries)
    store.use_model(MODEL)
    embed(store, {one.memory.id: random_vectors(n, pieces=1 + n % 3) for n, one in enumerate(entries) if n % 5})


def _same(found: list[Candidate], expected: list[Candidate]) -> None:
    assert [one.memory for one in found] == [one.memory for one in expected]
    assert [one.neighbours for one in found] == [one.neighbours for one in expected]
    assert [one.bm25 for one in found] == pytest.approx([one.bm25 for one in expected])
    assert [one.coverage for one in found] == pytest.approx([one.coverage for one in expected])
    for one, other in zip(found, expected, strict=True):
        assert one.cosine == (None if other.cosine is None else pytest.approx(other.cosine, abs=1e-6))
