"""MemPalace's palace: the drawers in its Chroma file (chroma.sqlite3), and its graph (knowledge_graph.sqlite3).

A long drawer is kept by MemPalace in pieces that overlap; each comes as it is. Its closets are an index of drawers and
are left.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory_core.formats.found import Format, Found, Left
from memory_core.formats.others import sqlite
from memory_core.formats.others.draft import Draft, memories, moment, score
from memory_core.types import MemoryType

NAME = "mempalace"
_DRAWERS, _GRAPH = "chroma.sqlite3", "knowledge_graph.sqlite3"
_COLLECTION = "mempalace_drawers"
_TEXT = "chroma:document"
_PLACED = {
    _TEXT, "wing", "room", "hall", "filed_at", "last_modified", "agent", "session_id", "type", "chunk_index",
}  # fmt: skip
_OWN_FIGURES = {
    "id_recipe", "normalize_version", "source_dir_ino", "source_mtime", "content_date_source", "line_start", "line_end",
    "chunk_total", "entities", "content_hash",
}  # fmt: skip
_WANTED = {"collections": {"id", "name"}, "embeddings": {"embedding_id"}, "embedding_metadata": {"key", "string_value"}}
_GRAPH_WANTED = {"triples": {"subject", "predicate", "object", "valid_from"}, "entities": {"id", "name"}}
_OF_DRAWERS = """
SELECT e.id AS number, e.embedding_id, e.created_at, m.key,
    coalesce(m.string_value, m.int_value, m.float_value, m.bool_value) AS value
FROM embeddings e
JOIN segments s ON s.id = e.segment_id
JOIN collections c ON c.id = s.collection
LEFT JOIN embedding_metadata m ON m.id = e.id
WHERE c.name = ?
ORDER BY e.id, m.key
"""
_OF_GRAPH = """
SELECT t.*, coalesce(s.name, t.subject) AS first, coalesce(o.name, t.object) AS second
FROM triples t
LEFT JOIN entities s ON s.id = t.subject
LEFT JOIN entities o ON o.id = t.object
ORDER BY t.rowid
"""


def read(path: Path) -> Iterator[Found]:
    for file in _files(path):
        with sqlite.opened(file) as connection:
            try:
                yield from _triples(connection) if _is_graph(file) else _drawers(connection)
            except sqlite.Error as error:
                yield Left(file.name, f"what comes after the memories above cannot be read: {error}")


def takes(path: Path) -> bool:
    """Whether it is one of the two files, or a folder with the first of them."""
    return any(_is_palace(file) or _is_graph(file) for file in _files(path))


def _files(path: Path) -> list[Path]:
    """The drawers, and the graph that lies beside them or beside their folder."""
    if path.is_file():
        return [path]
    for drawers, graph in (
        (path / "palace" / _DRAWERS, path / _GRAPH),
        (path / _DRAWERS, path.parent / _GRAPH),
    ):
        if drawers.is_file():
            return [drawers, graph] if graph.is_file() else [drawers]
    return []


def _is_palace(file: Path) -> bool:
    if not sqlite.takes(file, _WANTED):
        return False
    with sqlite.opened(file) as connection:
        found = connection.execute("SELECT count(*) AS n FROM collections WHERE name = ?", (_COLLECTION,)).fetchone()
    return bool(found["n"])


def _is_graph(file: Path) -> bool:
    """The graph is told by its tables, so that a copy may have any name."""
    return sqlite.takes(file, _GRAPH_WANTED)


def _drawers(connection: sqlite.Connection) -> Iterator[Found]:
    drawer: sqlite.Row = {}
    for row in connection.execute(_OF_DRAWERS, (_COLLECTION,)):
        if drawer and drawer["number"] != row["number"]:
            yield from memories(_drawer(drawer))
            drawer = {}
        drawer = drawer or {"number": row["number"], "id": row["embedding_id"], "at": row["created_at"], "said": {}}
        drawer["said"][row["key"]] = row["value"]
    if drawer:
        yield from memories(_drawer(drawer))


def _drawer(row: sqlite.Row) -> Draft:
    said: dict[str, Any] = row["said"]  # Any: what MemPalace keeps of a drawer
    text = said.get(_TEXT)
    at = _local(said.get("filed_at")) or moment(row["at"]) or datetime.fromtimestamp(0, tz=UTC)
    places = dict.fromkeys(str(said[name]) for name in ("room", "hall") if said.get(name))
    is_diary = said.get("type") == "diary_entry"
    piece = said.get("chunk_index")
    pieces = [f"piece {piece + 1}"] if isinstance(piece, int) and (piece > 0 or "parent_drawer_id" in said) else []
    return Draft(
        system=NAME,
        key=(str(row["id"]),),
        where=f"drawer {row['id']}",
        content=text if isinstance(text, str) else "",
        at=at,
        updated_at=_local(said.get("last_modified")),
        memory_type=MemoryType.SESSION if is_diary else MemoryType.OBSERVATION,
        tags=[
            *places,
            *([f"type:{said['type']}"] if said.get("type") else []),
            *pieces,
        ],
        source=f"{NAME}:{row['id']}",
        project_id=_text(said.get("wing")),
        client_id=_text(said.get("agent")),
        session_id=_text(said.get("session_id")),
        further={name: value for name, value in said.items() if name not in _PLACED | _OWN_FIGURES and value != ""},
    )


def _triples(connection: sqlite.Connection) -> Iterator[Found]:
    for row in connection.execute(_OF_GRAPH):
        further = {name: row.get(name) for name in ("valid_from", "valid_to", "source_file")}
        yield from memories(
            Draft(
                system=NAME,
                key=("triple", str(row["id"])),
                where=f"triple {row['id']}",
                content=f"{row['first']} {row['predicate']} {row['second']}",
                at=moment(row.get("extracted_at")) or datetime.fromtimestamp(0, tz=UTC),
                memory_type=MemoryType.RELATION,
                tags=[str(row["first"]), str(row["second"]), f"relation:{row['predicate']}"],
                source=f"{NAME}:{row['id']}",
                certainty_score=score(row.get("confidence")),
                further={name: value for name, value in further.items() if value},
            )
        )


def _local(value: Any) -> datetime | None:
    """A time of MemPalace, which is the machine's own time without a zone."""
    if not isinstance(value, str) or (found := moment(value)) is None:
        return None
    return found if datetime.fromisoformat(value.strip()).tzinfo else found.replace(tzinfo=None).astimezone(UTC)


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


FORMAT = Format(
    name=NAME,
    description="MemPalace's palace folder, its chroma.sqlite3, or its knowledge_graph.sqlite3",
    takes=takes,
    read=read,
    unplaced=("vectors: they are made anew", "closets: an index of what is in the drawers", "hallways and tunnels"),
)
