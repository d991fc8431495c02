"""Which kind of file an import was given, told by its first bytes, and who reads it."""

from collections.abc import Iterator
from pathlib import Path

from memory_core.engine.founding import Remark
from memory_core.engine.founding_files import is_duckdb, is_founding, read_founding
from memory_core.engine.lines import read_lines
from memory_core.engine.parquet import read_parquet
from memory_core.engine.ports import EmbeddedEntry
from memory_core.errors import InvalidError

_PARQUET_MAGIC = b"PAR1"


def read_file(path: Path, remark: Remark) -> Iterator[list[EmbeddedEntry]]:
    """What an export of ours holds, in either format, or a store or an export of the founding project.

    `remark` is told what of the latter is left out, or changed to fit. Raises InvalidError at the first thing that is
    no memory.
    """
    if not path.is_file():
        raise InvalidError(f"there is no file {path}")
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    if is_duckdb(path) or (is_parquet and is_founding(path)):
        yield from read_founding(path, remark)
    else:
        yield from read_parquet(path) if is_parquet else read_lines(path)
