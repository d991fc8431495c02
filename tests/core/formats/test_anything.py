"""Whatever is in a file, reading it gives memories that a store would keep, or says why not."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from memory_core.errors import MemoryServiceError
from memory_core.formats.found import Found, Left, check
from memory_core.formats.table import read

LINES = """\
---
title: a
permalink: b
tags:
- x
created: 2026
name: [a
# A
- [c] text #t (d)
```
- r [[T]]

- [a](b.md)
type: user
metadata:
  x: 1
>
|"""
words = st.sampled_from([*LINES.split("\n"), "text \u2028 \x0c", "\r", "\0"])
markdown = st.lists(words, max_size=12).map("\n".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("2026-01-01"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
FIELDS = (
    "id memory content user_id metadata categories created_at expiration_date state type name entityType observations "
    "from to relationType results memories relations apps sessions observations prompts scope pinned summary"
)
fields = st.sampled_from(FIELDS.split())
items = st.dictionaries(fields, values | st.sampled_from(["entity", "relation"]), max_size=6)
documents = (
    items | st.lists(items, max_size=3) | st.dictionaries(fields, st.lists(items, max_size=2), max_size=3)
).map(json.dumps)


def found(text: bytes, name: str, system: str) -> list[Found]:
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(text)
        try:
            return list(read(path, system))
        except MemoryServiceError:
            return []


def expect_sense(answers: list[Found]) -> None:
    ids = [check(one).id for one in answers if not isinstance(one, Left)]
    assert len(set(ids)) == len(ids)
    assert all(one.where and one.why for one in answers if isinstance(one, Left))


@settings(deadline=None)
@given(markdown.map(str.encode) | st.binary(max_size=40), st.sampled_from(["CLAUDE.md", "MEMORY.md", "topic.md"]))
def test_any_markdown(text: bytes, name: str) -> None:
    for system in ("claude-code", "basic-memory", "markdown"):
        expect_sense(found(text, name, system))


@settings(deadline=None)
@given(st.lists(documents, max_size=3).map("\n".join).map(str.encode) | st.binary(max_size=40))
def test_any_json(text: bytes) -> None:
    for system in ("mcp-memory", "mem0", "engram", "jsonl"):
        expect_sense(found(text, "file.json", system))


@given(st.binary(max_size=200))
def test_any_database(text: bytes) -> None:
    for system in ("mcp-memory-service", "claude-mem", "engram", "mempalace"):
        expect_sense(found(b"SQLite format 3\0" + text, "file.db", system))
