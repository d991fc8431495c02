"""Where implementations of `Memories` are registered for the one contract suite.

Adding one takes a file tests/contract/over_NAME.py that calls `register`; conftest.py there imports every such file.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from msgspec import Struct

from memory_core.memories import Memories

VERBS = frozenset(name for name in vars(Memories) if not name.startswith("_"))


class Place(Struct, frozen=True, kw_only=True):
    """What an implementation opens: an empty data directory, an embedder as EngineOptions.embedder says (null: to be
    chosen by `use_model`), a folder where a converted model is kept from test to test, and a store as MEMORY_STORE
    says it."""

    data_dir: Path
    embedder: str | None
    model_cache: Path
    store: str = "duckdb"


Opener = Callable[[Place], AbstractAsyncContextManager[Memories]]


class Implementation(Struct, frozen=True, kw_only=True):
    """`verbs` are those it offers; a test that needs another one is not run on it."""

    open: Opener
    verbs: frozenset[str] = VERBS


IMPLEMENTATIONS: dict[str, Implementation] = {}


def register(name: str, open_memories: Opener, *, verbs: frozenset[str] = VERBS) -> None:
    assert verbs <= VERBS, f"not verbs of Memories: {sorted(verbs - VERBS)}"
    IMPLEMENTATIONS[name] = Implementation(open=open_memories, verbs=verbs)
