"""What a backup says of itself, and whether its files are still as they were written. Knows no store.

A backup is a folder: the files of a store's own kind, and `manifest.json` with a checksum of each. The manifest carries
a checksum of its own, so that no byte of the folder can change unnoticed.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from memory_core.errors import InvalidError, NotFoundError, UnavailableError
from memory_core.files import replacing

FILE_NAME = "manifest.json"
FORMAT = 1
_CHUNK_BYTES = 1 << 20


class BackupFile(Struct, frozen=True, kw_only=True):
    name: str
    bytes: int
    sha256: str


class BackupTable(Struct, frozen=True, kw_only=True):
    """`digest` is the same for the same rows in whatever order; who made it can compare it."""

    name: str
    file: str
    rows: int
    digest: str


class Contents(Struct, frozen=True, kw_only=True):
    """What a store wrote into a folder, all of it of one moment.

    `digest_kind` names how the digests were made: those of different kinds cannot be compared.
    """

    kind: str
    schema_version: int
    memories: int
    store_bytes: int
    files: tuple[str, ...]
    tables: tuple[BackupTable, ...]
    digest_kind: str


class Manifest(Struct, frozen=True, kw_only=True):
    """`kind` is the word of the store; `store_bytes` how large it was, and about as large it is when restored."""

    format: int
    kind: str
    program_version: str
    schema_version: int
    created_at: datetime
    memories: int
    store_bytes: int
    files: tuple[BackupFile, ...]
    tables: tuple[BackupTable, ...]
    digest_kind: str

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


class _Sealed(Struct, frozen=True, kw_only=True):
    sha256: str
    manifest: msgspec.Raw


def describe(folder: Path, contents: Contents, *, program_version: str, created_at: datetime) -> Manifest:
    """The manifest of what lies in `folder`."""
    files = [
        BackupFile(name=name, bytes=(folder / name).stat().st_size, sha256=_sha256(folder / name))
        for name in contents.files
    ]
    return Manifest(
        format=FORMAT,
        kind=contents.kind,
        program_version=program_version,
        schema_version=contents.schema_version,
        created_at=created_at,
        memories=contents.memories,
        store_bytes=contents.store_bytes,
        files=tuple(files),
        tables=contents.tables,
        digest_kind=contents.digest_kind,
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    body = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    with replacing(folder / FILE_NAME) as file:
        file.write(b'{"sha256": "%s", "manifest": %s}\n' % (hashlib.sha256(body).hexdigest().encode(), body))


def read_manifest(folder: Path) -> Manifest:
    """Raises NotFoundError without one, InvalidError if it is damaged, UnavailableError for one of a newer format."""
    path = folder / FILE_NAME
    try:
        sealed = msgspec.json.decode(path.read_bytes(), type=_Sealed)
        if hashlib.sha256(bytes(sealed.manifest)).hexdigest() != sealed.sha256:
            raise InvalidError(f"{FILE_NAME} is damaged: its checksum differs")
        _refuse_newer(msgspec.json.decode(sealed.manifest, type=_Versioned), folder)
        manifest = msgspec.json.decode(sealed.manifest, type=Manifest)
    except FileNotFoundError as error:
        raise NotFoundError(f"{folder} has no {FILE_NAME}, so it is no backup") from error
    except OSError as error:
        raise InvalidError(f"{FILE_NAME} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidError(f"{FILE_NAME} is damaged: {error}") from error
    # Names come from a file that may be anybody's: they must not lead out of the folder.
    for name in [file.name for file in manifest.files]:
        if Path(name).name != name:
            raise InvalidError(f"{FILE_NAME} is damaged: {name!r} is no name of a file")
    return manifest


class _Versioned(Struct, frozen=True):
    format: int


def _refuse_newer(versioned: _Versioned, folder: Path) -> None:
    if versioned.format > FORMAT:
        raise UnavailableError(
            f"{folder.name} is a backup of format {versioned.format}, newer than this program knows ({FORMAT}); "
            "upgrade the program"
        )


def missing_or_cut(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What a look at the names and sizes tells."""
    for file in manifest.files:
        try:
            size = (folder / file.name).stat().st_size
        except OSError:
            yield f"{file.name} is missing"
            continue
        if size != file.bytes:
            yield f"{file.name} has {size:,} bytes instead of {file.bytes:,}"


def damages(folder: Path, manifest: Manifest, go_on: Callable[[], None]) -> list[str]:
    """What is not as it was written, a sentence a file. `go_on` is called now and then, and may raise."""
    found = list(missing_or_cut(folder, manifest))
    wrong = {sentence.split(" ", 1)[0] for sentence in found}
    for file in manifest.files:
        go_on()
        if file.name in wrong:
            continue
        try:
            if _sha256(folder / file.name) != file.sha256:
                found.append(f"{file.name} is damaged: its checksum differs")
        except OSError as error:
            found.append(f"{file.name} cannot be read: {error.strerror}")
    return found


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
