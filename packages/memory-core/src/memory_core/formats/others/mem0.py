"""mem0's memories as JSON: what `get_all` and the REST API answer, and the export of OpenMemory, zipped or not.

They come as a list, in pages under `results` or `memories`, or one a line. An export by a schema of one's own has no
such form and is not taken.
"""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from memory_core.errors import InvalidError
from memory_core.formats.found import BROKEN_JSON, Format, Found, Left
from memory_core.formats.others.draft import Draft, file_time, memories, moment
from memory_core.types import MemoryType

NAME = "mem0"
TYPES = {"preference": MemoryType.PREFERENCE, "preferences": MemoryType.PREFERENCE, "decision": MemoryType.DECISION}
_TEXTS = ("memory", "content", "text", "data")
_LISTS = ("results", "memories")
_PLACED = {
    *_TEXTS, "id", "hash", "score", "created_at", "updated_at", "deleted_at", "expiration_date", "categories",
    "category_ids", "user_id", "agent_id", "run_id", "app_id", "app", "metadata", "state",
}  # fmt: skip
_BOM, _GZIP = b"\xef\xbb\xbf", b"\x1f\x8b"
_MAX_BYTES = 1 << 30
Item = dict[str, Any]  # Any: JSON


def read(path: Path) -> Iterator[Found]:
    written = file_time(path)
    for document, where in _documents(path):
        if isinstance(document, Left):
            yield document
            continue
        names = _named(document)
        for number, item in enumerate(_items(document), start=1):
            place = f"{where}, memory {number}"
            yield from (
                memories(_draft(item, names, written, place))
                if isinstance(item, dict)
                else [Left(place, "it is no object")]
            )
        for number, item in enumerate(_listed(document, "relations"), start=1):
            yield from _relation(item, written, f"{where}, relation {number}")
        for kind in ("status_history", "access_controls"):
            if count := len(_listed(document, kind)):
                yield Left(f"{where}, {kind}", f"entries that are no memories: {count}")


def takes(path: Path) -> bool:
    """Whether it is JSON with memories as mem0 writes them."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if not file.read(64).removeprefix(_BOM).lstrip().startswith((b"{", b"[", b"PK", _GZIP)):
            return False
    try:
        documents = [one for one, _ in islice(_documents(path), 20) if not isinstance(one, Left)]
    except InvalidError:
        return False
    items = [item for one in documents for item in _items(one)]
    return any(isinstance(item, dict) and _is_memory(item) for item in items[:20])


def _is_memory(item: Item) -> bool:
    text = next((name for name in _TEXTS if isinstance(item.get(name), str)), None)
    marks = {"hash", "user_id", "agent_id", "run_id", "categories", "category_ids", "state", "app"}
    return text is not None and "id" in item and not marks.isdisjoint(item) and "content_hash" not in item


def _documents(path: Path) -> Iterator[tuple[Any, str]]:
    """Each JSON document of the file, and where it is: one, or one a line."""
    if path.stat().st_size > _MAX_BYTES:
        raise InvalidError(f"{path} is larger than {_MAX_BYTES >> 30} GiB; export it in several files")
    try:
        text = _unzipped(path) if zipfile.is_zipfile(path) else path.read_bytes()
        text = gzip.decompress(text) if text.startswith(_GZIP) else text
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InvalidError(f"{path} cannot be unpacked: {error}") from error
    yield from _parsed(text.removeprefix(_BOM), path.name)


def _unzipped(path: Path) -> bytes:
    """OpenMemory's export: `memories.json` has every field; the lines beside it say the same with names."""
    with zipfile.ZipFile(path) as archive:
        names = {name.rpartition("/")[2]: name for name in archive.namelist()}
        if "memories.json" not in names or archive.getinfo(names["memories.json"]).file_size > _MAX_BYTES:
            raise InvalidError(f"{path} has no memories.json in it of less than {_MAX_BYTES >> 30} GiB")
        return archive.read(names["memories.json"])


def _parsed(text: bytes, where: str) -> Iterator[tuple[Any, str]]:
    lines = text.splitlines()
    try:
        document = msgspec.json.decode(text)
    except BROKEN_JSON as error:
        if len(lines) < 2 or not lines[0].strip().endswith(b"}"):
            yield Left(where, f"it is no JSON: {error}"), where
            return
    else:
        yield document, where
        return
    for number, line in enumerate(lines, start=1):
        place = f"line {number}"
        try:
            if line.strip():
                yield msgspec.json.decode(line), place
        except BROKEN_JSON as error:
            yield Left(place, f"it is no JSON: {error}"), place


def _items(document: Any) -> list[Any]:
    """The memories of a document: a list, a page, or itself."""
    if isinstance(document, list):
        return [item for one in document for item in (_items(one) if isinstance(one, dict) else [one])]
    if not isinstance(document, dict):
        return []
    found = next((document[name] for name in _LISTS if isinstance(document.get(name), list)), None)
    return [document] if found is None else found


def _listed(document: Any, name: str) -> list[Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, list) else []


def _named(document: Any) -> dict[str, str]:
    """The names behind the ids of OpenMemory's users, apps and categories."""
    entries = [*_listed(document, "apps"), *_listed(document, "categories")]
    names = {str(one.get("id")): str(one.get("name")) for one in entries if isinstance(one, dict)}
    user = document.get("user") if isinstance(document, dict) else None
    return names | ({str(user.get("id")): str(user.get("user_id"))} if isinstance(user, dict) else {})


def _draft(item: Item, names: dict[str, str], written: datetime, where: str) -> Draft:
    text = next((item[name] for name in _TEXTS if isinstance(item.get(name), str)), "")
    metadata = item.get("metadata")
    categories = [names.get(str(one), str(one)) for one in [*_list(item, "categories"), *_list(item, "category_ids")]]
    at = moment(item.get("created_at")) or written
    updated_at = moment(item.get("updated_at"))
    state = str(item.get("state") or "active")
    deleted_at = moment(item.get("deleted_at")) or ((updated_at or at) if state == "deleted" else None)
    users = {"user": item.get("user_id"), "app": item.get("app_id") or item.get("app")}
    return Draft(
        system=NAME,
        key=(str(item.get("id") or text),),
        where=where,
        content=text,
        at=at,
        updated_at=updated_at,
        deleted_at=deleted_at,
        expires_at=_after(item.get("expiration_date")),
        memory_type=next((TYPES[one.lower()] for one in categories if one.lower() in TYPES), MemoryType.FACT),
        tags=[
            *categories,
            *(f"{kind}:{names.get(str(one), one)}" for kind, one in users.items() if one),
            *([] if state in ("active", "deleted") else [f"state:{state}"]),
        ],
        source=f"{NAME}:{item['id']}" if item.get("id") else NAME,
        client_id=_text(item.get("agent_id")),
        session_id=_text(item.get("run_id")),
        further=(metadata if isinstance(metadata, dict) else {"metadata": metadata})
        | {name: value for name, value in item.items() if name not in _PLACED},
    )


def _relation(item: Any, written: datetime, where: str) -> Iterator[Found]:
    if not isinstance(item, dict):
        yield Left(where, "it is no object")
        return
    first, second = _text(item.get("source")), _text(item.get("destination") or item.get("target"))
    word = _text(item.get("relationship") or item.get("relation"))
    if first is None or second is None or word is None:
        yield Left(where, "it does not say what it joins and how")
        return
    known = {"source", "destination", "target", "relationship", "relation"}
    yield from memories(
        Draft(
            system=NAME,
            key=("relation", first, word, second),
            where=where,
            content=f"{first} {word} {second}",
            at=written,
            memory_type=MemoryType.RELATION,
            tags=[first, second, f"relation:{word}"],
            source=NAME,
            further={name: value for name, value in item.items() if name not in known},
        )
    )


def _after(day: Any) -> datetime | None:
    """The end of the day: mem0 shows a memory up to and on its expiration date, in UTC."""
    found = moment(day)
    is_date = isinstance(day, str) and len(day.strip()) == len("2030-01-31")
    return found + timedelta(days=1) if found is not None and is_date else found


def _list(item: Item, name: str) -> list[Any]:
    found = item.get(name)
    return found if isinstance(found, list) else []


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


FORMAT = Format(
    name=NAME,
    description="mem0's memories as JSON, or an OpenMemory export",
    takes=takes,
    read=read,
    dated=False,
    unplaced=("hashes and scores", "histories of states, access rules"),
)
