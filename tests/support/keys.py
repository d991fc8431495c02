"""Keys for tests, made as an admin makes them on the server's machine: in the data folder, running server or not.

key = make_key(server.data_dir, scope="read", projects=("shop",))
httpx.get(f"{server.url}/memories", headers={"X-API-Key": key})
"""

import itertools
from pathlib import Path
from typing import Any

from memory_core.keys import KeyScope, NewKey
from memory_server.key_store import KeyStore

_NUMBERS = itertools.count(1)


def make_key(
    data_dir: Path,
    name: str | None = None,
    *,
    scope: str = "write",
    **fields: Any,  # those of NewKey
) -> str:
    """The text to send. Without a name it gets one of its own."""
    new = NewKey(name=name or f"key-{next(_NUMBERS)}", scope=KeyScope(scope), **fields)
    return KeyStore(data_dir).create(new).key


def sending(key: str, **headers: str) -> dict[str, str]:
    return {"X-API-Key": key} | headers
