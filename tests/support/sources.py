"""What other memory systems keep, made here in the form that each of them publishes."""

import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

GRAPH = [
    {"type": "entity", "name": "Ada", "entityType": "person", "observations": ["likes tea", "works from Leeds"]},
    {"type": "entity", "name": "shop", "entityType": "project", "observations": []},
    {"type": "relation", "from": "Ada", "to": "shop", "relationType": "maintains"},
]
MCP_MEMORY_SERVICE = """
CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE memories (
    id INTEGER PRIMARY KEY AUTOINCREMENT, content_hash TEXT UNIQUE NOT NULL, content TEXT NOT NULL, tags TEXT,
    memory_type TEXT, metadata TEXT, created_at REAL, updated_at REAL, created_at_iso TEXT, updated_at_iso TEXT,
    deleted_at REAL DEFAULT NULL
);
CREATE TABLE memory_graph (
    source_hash TEXT NOT NULL, target_hash TEXT NOT NULL, similarity REAL NOT NULL, connection_types TEXT NOT NULL,
    metadata TEXT, created_at REAL NOT NULL, relationship_type TEXT DEFAULT 'related',
    PRIMARY KEY (source_hash, target_hash)
);
CREATE VIRTUAL TABLE memory_content_fts USING fts5(content, content='memories', content_rowid='id');
"""
CLAUDE_MEM = """
CREATE TABLE schema_versions (id INTEGER PRIMARY KEY, version INTEGER UNIQUE NOT NULL, applied_at TEXT NOT NULL);
CREATE TABLE sdk_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, content_session_id TEXT UNIQUE NOT NULL, memory_session_id TEXT UNIQUE,
    project TEXT NOT NULL, platform_source TEXT NOT NULL DEFAULT 'claude', user_prompt TEXT, started_at TEXT NOT NULL,
    started_at_epoch INTEGER NOT NULL, completed_at TEXT, completed_at_epoch INTEGER,
    status TEXT NOT NULL DEFAULT 'active', worker_port INTEGER, prompt_counter INTEGER DEFAULT 0, custom_title TEXT
);
CREATE TABLE observations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, memory_session_id TEXT NOT NULL, project TEXT NOT NULL, text TEXT,
    type TEXT NOT NULL, title TEXT, subtitle TEXT, facts TEXT, narrative TEXT, concepts TEXT, files_read TEXT,
    files_modified TEXT, prompt_number INTEGER, discovery_tokens INTEGER DEFAULT 0, content_hash TEXT,
    agent_type TEXT, agent_id TEXT, merged_into_project TEXT, generated_by_model TEXT, metadata TEXT,
    created_at TEXT NOT NULL, created_at_epoch INTEGER NOT NULL
);
CREATE TABLE session_summaries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, memory_session_id TEXT NOT NULL, project TEXT NOT NULL, request TEXT,
    investigated TEXT, learned TEXT, completed TEXT, next_steps TEXT, files_read TEXT, files_edited TEXT, notes TEXT,
    prompt_number INTEGER, discovery_tokens INTEGER DEFAULT 0, merged_into_project TEXT,
    created_at TEXT NOT NULL, created_at_epoch INTEGER NOT NULL
);
CREATE TABLE user_prompts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, content_session_id TEXT NOT NULL, prompt_number INTEGER NOT NULL,
    prompt_text TEXT NOT NULL, created_at TEXT NOT NULL, created_at_epoch INTEGER NOT NULL
);
CREATE TABLE directives (
    id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL DEFAULT 'global', project TEXT, content TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'active', source TEXT NOT NULL DEFAULT 'manual', created_at TEXT NOT NULL,
    created_at_epoch INTEGER NOT NULL, updated_at_epoch INTEGER NOT NULL
);
CREATE TABLE pending_messages (id INTEGER PRIMARY KEY AUTOINCREMENT, message_type TEXT NOT NULL);
"""
ENGRAM = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, directory TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT,
    summary TEXT
);
CREATE TABLE observations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sync_id TEXT, session_id TEXT NOT NULL, type TEXT NOT NULL,
    title TEXT NOT NULL, content TEXT NOT NULL, tool_name TEXT, project TEXT, scope TEXT NOT NULL DEFAULT 'project',
    topic_key TEXT, normalized_hash TEXT, revision_count INTEGER NOT NULL DEFAULT 1,
    duplicate_count INTEGER NOT NULL DEFAULT 1, last_seen_at TEXT, pinned INTEGER NOT NULL DEFAULT 0,
    review_after TEXT, expires_at TEXT, embedding BLOB, embedding_model TEXT, embedding_created_at TEXT,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, deleted_at TEXT
);
CREATE TABLE user_prompts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sync_id TEXT, session_id TEXT NOT NULL, content TEXT NOT NULL, project TEXT,
    created_at TEXT NOT NULL
);
CREATE TABLE memory_relations (id INTEGER PRIMARY KEY, sync_id TEXT, source_id TEXT, target_id TEXT, relation TEXT);
CREATE VIRTUAL TABLE observations_fts USING fts5(title, content, content='observations', content_rowid='id');
"""
CHROMA = """
CREATE TABLE collections (id TEXT PRIMARY KEY, name TEXT NOT NULL, dimension INTEGER, database_id TEXT NOT NULL);
CREATE TABLE segments (id TEXT PRIMARY KEY, type TEXT NOT NULL, scope TEXT NOT NULL, collection TEXT NOT NULL);
CREATE TABLE embeddings (
    id INTEGER PRIMARY KEY, segment_id TEXT NOT NULL, embedding_id TEXT NOT NULL, seq_id BLOB NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE (segment_id, embedding_id)
);
CREATE TABLE embedding_metadata (
    id INTEGER REFERENCES embeddings(id), key TEXT NOT NULL, string_value TEXT, int_value INTEGER, float_value REAL,
    bool_value INTEGER, PRIMARY KEY (id, key)
);
"""
KNOWLEDGE_GRAPH = """
CREATE TABLE entities (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT DEFAULT 'unknown', properties TEXT DEFAULT '{}',
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE triples (
    id TEXT PRIMARY KEY, subject TEXT NOT NULL, predicate TEXT NOT NULL, object TEXT NOT NULL, valid_from TEXT,
    valid_to TEXT, confidence REAL DEFAULT 1.0, source_closet TEXT, source_file TEXT, source_drawer_id TEXT,
    adapter_name TEXT, extracted_at TEXT DEFAULT CURRENT_TIMESTAMP
);
"""
NOTE = """\
---
title: Checkout
type: note
tags: [shop, payments]
permalink: notes/checkout
created: 2026-03-01T10:00:00+01:00
modified: 2026-03-02
status: active
---

# Checkout

How money gets in. See also [[Ledger]].

## Observations
- [decision] Payments are retried three times #retry (after the outage)
- [risk] The provider limits calls
- [ ] a task to tick
- [00:12] what was said at a time

```
- [not] an observation
```

## Relations
- depends_on [[Ledger]] (for booking)
- "is part of" [[Shop]]
"""
CLAUDE_MD = """\
# Shop

A web shop. Run `make dev` first.

## Style

- Tabs, never spaces
- Name tests as sentences,
  one outcome each

## Decisions

We deploy on Fridays, only after lunch.

- Staging first
"""
INDEX = """\
# Memory

- [Deploying](deploying.md) — when and how
- The staging password rotates monthly

## Debugging

Logs are in `/var/log/shop`.
"""
DEPLOYING = """\
---
name: deploying
description: "When we deploy: Fridays"
metadata:
  type: feedback
  originSessionId: 0a1b2c3d-0000-4000-8000-000000000001
---

Deploy on Fridays, only after lunch. See [[staging]].
"""


def lines(path: Path, items: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def database(path: Path, schema: str, **rows: list[dict[str, Any]]) -> Path:
    """A file of this schema, in WAL mode as its program keeps it, and closed cleanly."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal").fetchall()
        connection.executescript(schema)
        insert(connection, **rows)
    return path


def insert(connection: sqlite3.Connection, **rows: list[dict[str, Any]]) -> None:
    for table, items in rows.items():
        for item in items:
            names, marks = ", ".join(item), ", ".join("?" * len(item))
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(item.values()))
    connection.commit()


def mcp_memory(folder: Path) -> Path:
    return lines(folder / "memory.jsonl", GRAPH)


def mcp_memory_service(folder: Path) -> Path:
    first, second, third = "a" * 64, "b" * 64, "c" * 64
    memory = {
        "memory_type": "note",
        "tags": "",
        "metadata": "{}",
        "created_at": 1767225600.5,
        "updated_at": 1767225700.0,
    }
    return database(
        folder / "sqlite_vec.db",
        MCP_MEMORY_SERVICE,
        metadata=[{"key": "distance_metric", "value": "cosine"}],
        memories=[
            memory
            | {
                "content_hash": first,
                "content": "Deploys happen on Fridays",
                "tags": "deploy, team",
                "memory_type": "decision",
                "metadata": '{"hostname": "laptop", "quality_score": 0.9, "origin": {"tool": "cli"}}',
            },
            memory | {"content_hash": second, "content": "Deploys happened on Mondays", "memory_type": "learning"},
            memory | {"content_hash": third, "content": "A wrong note", "deleted_at": 1767312000.0},
        ],
        memory_graph=[
            {"source_hash": first, "target_hash": second, "similarity": 0.9, "connection_types": "[]", "metadata": "{}",
             "created_at": 1767225800.0, "relationship_type": "contradicts"},
            {"source_hash": first, "target_hash": third, "similarity": 0.6, "connection_types": "[]", "metadata": "{}",
             "created_at": 1767225800.0, "relationship_type": "related"},
        ],
    )  # fmt: skip


def claude_mem(folder: Path) -> Path:
    at = {"created_at": "2026-02-01T10:00:00.250Z", "created_at_epoch": 1769940000250}
    session = {"memory_session_id": "m-1", "project": "shop"}
    return database(
        folder / "claude-mem.db",
        CLAUDE_MEM,
        schema_versions=[{"version": 35, "applied_at": "2026-01-01"}],
        sdk_sessions=[
            {"content_session_id": "s-1", "memory_session_id": "m-1", "project": "shop", "user_prompt": "fix the cart",
             "started_at": "2026-02-01T09:00:00Z", "started_at_epoch": 1769936400000},
            {"content_session_id": "s-2", "memory_session_id": "m-2", "project": "shop", "user_prompt": "an old prompt",
             "platform_source": "codex", "custom_title": "Cart week", "started_at": "2026-01-01T09:00:00Z",
             "started_at_epoch": 1767258000000},
        ],
        observations=[
            at | session
            | {"type": "bugfix", "title": "Cart lost items", "subtitle": "A race",
               "narrative": "Two tabs wrote at once.",
               "facts": '["the lock was missing", "tests hid it"]', "concepts": '["gotcha", "concurrency"]',
               "files_read": "[]", "files_modified": '["cart.py"]', "discovery_tokens": 1200, "content_hash": "h",
               "generated_by_model": "some-model"},
            at | session | {"type": "decision", "title": "One lock a cart", "memory_session_id": "m-2",
                            "merged_into_project": "store", "metadata": '{"a": [1, 2]}'},
        ],
        session_summaries=[at | session | {"request": "fix the cart", "learned": "locks", "next_steps": "watch it",
                                           "files_edited": '["cart.py"]'}],
        user_prompts=[at | {"content_session_id": "s-1", "prompt_number": 1, "prompt_text": "fix the cart"}],
        directives=[at | {"scope": "project", "project": "shop", "content": "Always run the tests",
                          "updated_at_epoch": 1769940000999}],
        pending_messages=[{"message_type": "observation"}],
    )  # fmt: skip


def basic_memory(folder: Path) -> Path:
    notes = folder / "vault" / "notes"
    notes.mkdir(parents=True)
    (notes / "Checkout.md").write_text(NOTE, encoding="utf-8")
    return folder / "vault"


def claude_code(folder: Path) -> Path:
    memory = folder / "projects" / "-work-shop" / "memory"
    memory.mkdir(parents=True)
    (memory / "MEMORY.md").write_text(INDEX, encoding="utf-8")
    (memory / "deploying.md").write_text(DEPLOYING, encoding="utf-8")
    return folder / "projects" / "-work-shop"


def mem0(folder: Path) -> Path:
    memory = {
        "id": "0b7d4c1e-0000-4000-8000-000000000001",
        "memory": "Prefers tea to coffee",
        "hash": "5f3c",
        "metadata": {"category": "drinks"},
        "categories": ["preferences"],
        "created_at": "2026-01-05T08:00:00.000000-08:00",
        "updated_at": "2026-01-06T08:00:00-08:00",
        "user_id": "ada",
        "agent_id": "helper",
        "run_id": "run-7",
        "expiration_date": "2030-01-31",
    }
    relation = {"source": "ada", "relationship": "drinks", "target": "tea"}
    path = folder / "mem0.json"
    path.write_text(json.dumps({"results": [memory], "relations": [relation]}), encoding="utf-8")
    return path


ENGRAM_ROWS: dict[str, list[dict[str, Any]]] = {
    "sessions": [
        {"id": "s-1", "project": "shop", "directory": "/work/shop", "started_at": "2026-03-01 09:00:00",
         "ended_at": "2026-03-01 10:00:00", "summary": "Goal: mend the cart"},
        {"id": "s-2", "project": "shop", "directory": "/work/shop", "started_at": "2026-03-02 09:00:00"},
    ],
    "observations": [
        {"id": 1, "sync_id": "obs-1", "session_id": "s-1", "type": "bugfix", "title": "Cart lost items",
         "content": "What: a lock was missing", "project": "shop", "scope": "project", "topic_key": "bug/cart",
         "revision_count": 3, "pinned": 1, "review_after": "2027-01-01 00:00:00",
         "created_at": "2026-03-01 09:30:00", "updated_at": "2026-03-01 09:45:00"},
        {"id": 2, "sync_id": "obs-2", "session_id": "s-2", "type": "preference", "title": "Tea",
         "content": "Tea over coffee", "project": "shop", "scope": "personal", "tool_name": "mem_save",
         "created_at": "2026-03-02 09:30:00", "updated_at": "2026-03-02 09:30:00"},
        {"id": 3, "sync_id": "obs-3", "session_id": "s-2", "type": "decision", "title": "One lock a cart",
         "content": "One lock a cart", "project": "shop", "scope": "project",
         "created_at": "2026-03-02 09:40:00", "updated_at": "2026-03-02 09:50:00", "deleted_at": "2026-03-03 08:00:00"},
    ],
    "prompts": [
        {"id": 1, "sync_id": "p-1", "session_id": "s-1", "content": "fix the cart", "project": "shop",
         "created_at": "2026-03-01 09:01:00"},
    ],
}  # fmt: skip


def engram(folder: Path) -> Path:
    rows = {"sessions": ENGRAM_ROWS["sessions"], "observations": ENGRAM_ROWS["observations"],
            "user_prompts": ENGRAM_ROWS["prompts"]}  # fmt: skip
    relation = {"sync_id": "r-1", "source_id": "obs-1", "target_id": "obs-3", "relation": "related"}
    return database(folder / "engram.db", ENGRAM, **rows, memory_relations=[relation])


def engram_export(folder: Path) -> Path:
    path = folder / "engram-export.json"
    path.write_text(
        json.dumps({"version": "0.1.0", "exported_at": "2026-03-03 09:00:00"} | ENGRAM_ROWS, indent=2), encoding="utf-8"
    )
    return path


def mempalace(folder: Path) -> Path:
    """`~/.mempalace`: a drawer an agent filed, a mined one in two pieces, a diary entry, a closet, and a triple."""
    home = folder / "mempalace"
    kinds = {str: "string", int: "int", float: "float"}
    (home / "palace").mkdir(parents=True)
    filed = {"filed_at": "2026-04-01T10:00:00", "last_modified": "2026-04-01T10:00:00"}
    mined = filed | {"wing": "shop", "room": "documentation", "added_by": "mempalace", "source_file": "/work/a.md"}
    drawers: list[tuple[str, str, dict[str, Any]]] = [
        ("drawers", "drawer_shop_decisions_1", filed | {"wing": "shop", "room": "decisions", "added_by": "mcp",
         "chunk_index": 0, "source_file": "", "chroma:document": "Payments are retried three times"}),
        ("drawers", "drawer_shop_documentation_2", mined | {"chunk_index": 0, "chroma:document": "Deploy on Fridays"}),
        ("drawers", "drawer_shop_documentation_3", mined | {"chunk_index": 1, "chroma:document": "Fridays, after lunch",
         "source_mtime": 1775037600.5}),
        ("drawers", "diary_wing_helper_4", filed | {"wing": "wing_helper", "room": "diary", "hall": "hall_diary",
         "agent": "helper", "type": "diary_entry", "topic": "bugs", "chroma:document": "Today the cart lost items"}),
        ("closets", "closet_shop_1", filed | {"wing": "shop", "chroma:document": "shop/documentation/a"}),
    ]  # fmt: skip
    database(
        home / "palace" / "chroma.sqlite3",
        CHROMA,
        collections=[
            {"id": name, "name": f"mempalace_{name}", "dimension": 384, "database_id": "d"}
            for name in ("drawers", "closets")
        ],
        segments=[
            {"id": f"s-{name}", "type": "urn:chroma:segment/metadata/sqlite", "scope": "METADATA", "collection": name}
            for name in ("drawers", "closets")
        ],
        embeddings=[
            {"id": number, "segment_id": f"s-{shelf}", "embedding_id": name, "seq_id": number,
             "created_at": "2026-04-01 10:00:00"}
            for number, (shelf, name, _) in enumerate(drawers, start=1)
        ],
        embedding_metadata=[
            {"id": number, "key": key, f"{kinds[type(value)]}_value": value}
            for number, (_, _, said) in enumerate(drawers, start=1)
            for key, value in said.items()
        ],
    )  # fmt: skip
    database(
        home / "knowledge_graph.sqlite3",
        KNOWLEDGE_GRAPH,
        entities=[{"id": "ada", "name": "Ada"}, {"id": "shop", "name": "shop"}],
        triples=[{"id": "t_ada_maintains_shop_1", "subject": "ada", "predicate": "maintains", "object": "shop",
                  "valid_from": "2026-01-01", "confidence": 0.9, "extracted_at": "2026-04-01 10:00:00"}],
    )  # fmt: skip
    return home


def hindsight(folder: Path) -> Path:
    """A page of `GET /v1/default/banks/BANK/memories/list`."""
    path = folder / "hindsight.json"
    item = {"id": "5d1f2c3b-0000-4000-8000-000000000001", "text": "Deploys happen on Fridays", "context": "team rules",
            "date": "2026-05-01T09:00:00+00:00", "fact_type": "world", "entities": "team"}  # fmt: skip
    path.write_text(json.dumps({"items": [item], "total": 1, "limit": 100, "offset": 0}), encoding="utf-8")
    return path


def letta(folder: Path) -> Path:
    """`GET /v1/agents/AGENT/archival-memory`, as the export script of its documentation writes it."""
    path = folder / "letta.json"
    passage = {"id": "passage-5d1f2c3b-0000-4000-8000-000000000002", "text": "Ada maintains the shop", "tags": ["team"],
               "created_at": "2026-05-02T09:00:00Z", "metadata": {}, "archive_id": "archive-1"}  # fmt: skip
    path.write_text(json.dumps([passage]), encoding="utf-8")
    return path


def old_systems(home: Path) -> None:
    """A home in which each of them was used, with its files where it keeps them."""
    data = home / ".local" / "share" / "mcp-memory"
    for folder in (home / ".claude-mem", home / ".engram", data):
        folder.mkdir(parents=True)
    claude_mem(home / ".claude-mem")
    engram(home / ".engram")
    mcp_memory_service(data)
    mempalace(home).rename(home / ".mempalace")
    basic_memory(home).rename(home / "basic-memory")
    for make in (mcp_memory, mem0, hindsight, letta):
        make(home)
    (home / "notes").mkdir()
    (home / "notes" / "deploying.md").write_text(
        "# Deploying\n\nWe deploy on Fridays, only after lunch.\n", encoding="utf-8"
    )


SOURCES: dict[str, Callable[[Path], Path]] = {
    "claude-code": claude_code,
    "mcp-memory": mcp_memory,
    "mcp-memory-service": mcp_memory_service,
    "claude-mem": claude_mem,
    "basic-memory": basic_memory,
    "mem0": mem0,
    "engram": engram,
    "mempalace": mempalace,
}
