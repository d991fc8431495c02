"""How the suites open a store in a folder: as a server does, by the word before the colon of MEMORY_STORE."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from memory_core.engine.ports import Store, StoreOptions

Opener = Callable[[Path], Store]


def opener_of(spec: str) -> Opener:
    word, _, location = spec.partition(":")
    (found,) = entry_points(group="memory_core.stores", name=word)
    return lambda folder: found.load()(location, StoreOptions(data_dir=folder, threads=1, min_free_bytes=0))
