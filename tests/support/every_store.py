"""Every implementation of Store, and how to open one in a folder. A new store joins the suites by one line here."""

from collections.abc import Callable
from pathlib import Path

from memory_core.engine.ports import Store, StoreOptions
from memory_core.engine.stores.duckdb import open_store

Opener = Callable[[Path], Store]

STORES: dict[str, Opener] = {
    "duckdb": lambda folder: open_store("", StoreOptions(data_dir=folder, threads=1, min_free_bytes=0)),
}
