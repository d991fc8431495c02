"""Stores as the programs of their day wrote them, one of every released schema; see tests/schemas."""

import json
import lzma
from pathlib import Path
from typing import Any

_FIXTURES = Path(__file__).parents[1] / "schemas"


def released_schemas() -> list[int]:
    return sorted(int(path.stem.partition("-")[2]) for path in _FIXTURES.glob("schema-*.json"))


def released_store(schema: int, path: Path) -> dict[str, Any]:
    """Put a store of that schema at `path`; what must be in it."""
    path.write_bytes(lzma.decompress((_FIXTURES / f"schema-{schema}.duckdb.xz").read_bytes()))
    expected: dict[str, Any] = json.loads((_FIXTURES / f"schema-{schema}.json").read_text(encoding="utf-8"))
    return expected
