"""Make the fixture of one released schema: a store as the program of that day wrote it, and what is in it.

    git worktree add /tmp/then COMMIT
    PYTHONPATH=/tmp/then/packages/memory-core/src uv run --frozen python tests/schemas/make.py tests/schemas

See README.md beside this. It uses the few verbs that every version of the store has had; where one changes, change it
here, because only the newest fixture is ever made anew.
"""

import argparse
import hashlib
import json
import lzma
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from memory_core.engine import lexical
from memory_core.engine.embedders.onnx import load_embedder
from memory_core.engine.ports import EmbedderOptions, ModelIdentity, StoreOptions
from memory_core.engine.stores.duckdb import open_store
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS
from memory_core.types import Memory, MemoryType

START = datetime(2026, 3, 1, 8, 15, 0, 123456, tzinfo=UTC)
SECOND_MODEL = ModelIdentity(name="small-model", revision="7", dimension=16)
SHOP, BLOG = "github.com/acme/shop", "github.com/acme/blog"
LONG = "\n\n".join(
    f"Step {number}: the release train stops at station {number}, where {what} is checked before it goes on."
    for number in range(1, 61)
    for what in ["the ledger" if number % 2 else "the queue"]
)
TEXTS: list[tuple[str, dict[str, Any]]] = [
    ("We deploy on Fridays, only after lunch", {"memory_type": "decision", "project_id": SHOP, "tags": ("ops",)}),
    ("PostgreSQL 16 holds the billing data", {"memory_type": "fact", "project_id": SHOP, "tags": ("db", "billing")}),
    ("Tabs are never used for indentation", {"memory_type": "preference", "client_id": "laptop"}),
    ("Straße, naïve café, Ελλάδα, и по-русски 🦆", {"memory_type": "observation", "tags": ("ünïcode", "🦆")}),
    ("東京の会議は毎週火曜日です", {"memory_type": "fact", "project_id": BLOG, "source": "calendar"}),
    ("Mara leads the payments team", {"memory_type": "entity", "project_id": SHOP, "certainty_score": 0.95}),
    ("payments-api depends on ledger-core 2.4.1", {"memory_type": "relation", "project_id": SHOP}),
    ("Session of the migration rehearsal", {"memory_type": "session", "session_id": "rehearsal-1"}),
    (LONG, {"memory_type": "observation", "project_id": SHOP, "quality_score": 0.2}),
    ("A text that was changed later", {"memory_type": "fact", "project_id": BLOG}),
    ("A memory that lies in the trash", {"memory_type": "observation", "project_id": BLOG, "tags": ("old",)}),
    ("Another one in the trash, without a vector", {"memory_type": "fact"}),
    ("Its vector has not been made yet", {"memory_type": "observation", "session_id": "rehearsal-1"}),
]
CHANGED, TRASHED, TRASHED_BARE, PENDING = 9, 10, 11, 12
SEARCHES = {
    "fridays lunch": 0,
    "postgresql billing": 1,
    "ducks straße": 3,
    "火曜日": 4,
    "ledger-core": 6,
    "station 59": 8,
}
MEANING = {"When do we ship to production?": 0, "Which database do invoices live in?": 1}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="where to")
    folder: Path = parser.parse_args().folder
    version = MIGRATIONS[-1].version
    with tempfile.TemporaryDirectory() as scratch:
        expected = {"schema": version} | fill(Path(scratch))
        store = (Path(scratch) / "memories.duckdb").read_bytes()
    (folder / f"schema-{version}.duckdb.xz").write_bytes(lzma.compress(store, preset=9 | lzma.PRESET_EXTREME))
    text = json.dumps(expected, ensure_ascii=False, indent=1) + "\n"
    (folder / f"schema-{version}.json").write_text(text, encoding="utf-8")


def fill(scratch: Path) -> dict[str, Any]:
    store = open_store("", StoreOptions(data_dir=scratch, min_free_bytes=0))
    memories = [a_memory(number, text, fields) for number, (text, fields) in enumerate(TEXTS)]
    store.use_model(SECOND_MODEL)  # as after a change of model: its vectors stay beside those of the next
    store.insert([lexical.entry(memory) for memory in memories[:CHANGED]])
    numbers = np.random.default_rng(7).standard_normal((CHANGED, 16)).astype(np.float32)
    unit = numbers / np.linalg.norm(numbers, axis=1, keepdims=True)
    store.set_vectors({one.doc: unit[[row]] for row, one in enumerate(store.pending(limit=100))})

    embedder = load_embedder(
        "all-MiniLM-L6-v2", EmbedderOptions(cache_dir=scratch / "models", download=False, threads=2)
    )
    store.use_model(embedder.model)
    store.insert([lexical.entry(memory) for memory in memories[CHANGED:]])
    bare = {memories[TRASHED_BARE].id, memories[PENDING].id}
    for changed in (memories[CHANGED], replace(memories[CHANGED], content="A text as it was changed, about otters")):
        store.change(changed.id, lambda _, to=changed: lexical.entry(to))  # type: ignore[misc]
        for one in store.pending(limit=100):
            if one.memory.id not in bare:
                pieces = embedder.pieces(lexical.indexed_text(one.memory))
                store.set_vectors({one.doc: embedder.embed(pieces)})
    for number in (TRASHED, TRASHED_BARE):
        trashed = replace(memories[number], deleted_at=START + timedelta(days=9))
        store.change(trashed.id, lambda _, to=trashed: lexical.entry(to))  # type: ignore[misc]
    ids = [memory.id for memory in memories]
    found: dict[str, Any] = {
        "memories": [described(entry) for batch in store.export() for entry in batch],
        "model": msgspec.to_builtins(embedder.model),
        "second_model": msgspec.to_builtins(SECOND_MODEL) | {"memories": CHANGED},
        "pending": [ids[PENDING]],
        "keyword_search": {query: ids[number] for query, number in SEARCHES.items()},
        "semantic_search": {query: ids[number] for query, number in MEANING.items()},
    }
    store.close()
    embedder.close()
    return found


def a_memory(number: int, text: str, fields: dict[str, Any]) -> Memory:
    at = START + timedelta(hours=number, microseconds=number)
    given = dict.fromkeys(("source", "project_id", "client_id", "session_id"), None) | {"tags": ()} | fields
    scores = {"certainty_score": 0.7, "quality_score": 0.7} | {k: v for k, v in fields.items() if k.endswith("_score")}
    memory_id = hashlib.sha256(f"fixture {number}".encode()).hexdigest()[:32]
    plain = {"id": memory_id, "content": text, "created_at": at, "updated_at": at} | given | scores
    return Memory(**(plain | {"memory_type": MemoryType(fields["memory_type"])}))


def described(entry: Any) -> dict[str, Any]:
    """A memory as JSON, and what tells its vectors from all others."""
    vectors = entry.vectors
    pieces = (
        None if vectors is None else {"count": len(vectors), "sha256": hashlib.sha256(vectors.tobytes()).hexdigest()}
    )
    return {**msgspec.to_builtins(entry.memory), "vectors": pieces}


if __name__ == "__main__":
    main()
