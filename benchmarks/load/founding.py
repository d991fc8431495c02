"""The founding document's design as a server: async routes that call one blocking store, and the model, where they are.

    python -m benchmarks.load.founding --port 0 --data-dir DIR

Its routes, its SQL and its order of work: each text is embedded before it is inserted, and compared with all others. It
is better off here than there: the model runs in ONNX Runtime instead of PyTorch, and embeds a text once, not twice.
"""

import argparse
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from benchmarks.plain import COLUMNS, PlainMemories, Row
from memory_core.engine.embedders.onnx import load_embedder
from memory_core.engine.ports import EmbedderOptions
from memory_core.types import Memory, MemoryType
from memory_server.process import bind

FILE = "plain.duckdb"
_THREADS = os.cpu_count() or 1
_NAMES = COLUMNS.split(", ")
Json = dict[str, Any]  # there is no narrower type for it


class New(BaseModel):
    content: str
    project_id: str | None = None


class Query(BaseModel):
    query: str
    limit: int = 20


def create_app(data_dir: Path, models: Path) -> FastAPI:
    store = PlainMemories(data_dir / FILE, threads=_THREADS)
    embedder = load_embedder("all-MiniLM-L6-v2", EmbedderOptions(cache_dir=models, download=False, threads=_THREADS))
    app = FastAPI()

    @app.get("/health")
    async def health() -> Json:
        return {"status": "healthy", "embedding": {"state": "ready", "pending": 0}}

    @app.post("/memories", status_code=201)
    async def add(new: New) -> Json:
        vectors = embedder.embed([new.content])
        memory = _memory(new)
        alike = store.alike(vectors[0])
        store.insert([memory], vectors)
        return {"id": memory.id, "content": memory.content, "similar": alike}

    @app.post("/memories/search")
    async def search(query: Query) -> Json:
        hits = store.hits(query.query, embedder.embed_query(query.query), limit=query.limit)
        return {"results": [_json(row) for row in hits]}

    @app.get("/memories")
    async def newest(project_id: str, limit: int = 20) -> Json:
        return {"memories": [_json(row) for row in store.newest(project_id, limit=limit)]}

    @app.get("/context")
    async def context(project_id: str) -> Json:
        return {"memories": [_json(row) for row in store.newest(project_id, limit=10)]}

    @app.get("/memories/{memory_id}")
    async def get(memory_id: str) -> Json:
        row = store.get(memory_id)
        if row is None:
            raise HTTPException(404)
        return _json(row)

    return app


def _json(row: Row) -> Json:
    return dict(zip(_NAMES, row, strict=True))


def _memory(new: New) -> Memory:
    now = datetime.now(UTC)
    return Memory(
        id=uuid.uuid4().hex,
        content=new.content,
        memory_type=MemoryType.OBSERVATION,
        tags=(),
        source=None,
        project_id=new.project_id,
        client_id=None,
        session_id=None,
        certainty_score=0.7,
        quality_score=0.7,
        created_at=now,
        updated_at=now,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data-dir", type=Path, required=True)
    arguments = parser.parse_args()
    app = create_app(arguments.data_dir, Path(os.environ["MEMORY_MODEL_CACHE"]))
    with bind("127.0.0.1", arguments.port) as listener:
        listener.listen(1024)
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[listener])


if __name__ == "__main__":
    main()
