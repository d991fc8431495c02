"""`memory-server keys`: make, list, rotate and revoke keys on the server's machine, whether it runs or not.

For the first key, and for whoever has locked everybody out: it asks for none, because who can write the data folder
can do everything anyway. A running server knows of each change at its next request.
"""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from memory_core import key_words
from memory_core.keys import IssuedKey, Key, KeyList, KeyScope, NewKey, Rotation
from memory_core.moments import coming, span
from memory_core.settings import load_settings
from memory_server.actions import action_parser, as_json, data_folder
from memory_server.settings import SYSTEM_DATA_DIR, DataDir

if TYPE_CHECKING:
    from memory_server.key_store import KeyStore

NAME = "keys"
_PORT = "8420"


class KeySettings(Struct, frozen=True, kw_only=True):
    """What the server of this data folder is set to."""

    data_dir: DataDir = SYSTEM_DATA_DIR


def add_command(commands: Any) -> None:
    """Add the subcommand. Any: the type of what `add_subparsers` makes has no public name."""
    made = action_parser(
        commands, NAME, "make, list, rotate and revoke keys, whether the server runs or not", KeySettings
    )
    actions: Any = made.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = action_parser(actions, "create", "make a key, and show it once", KeySettings)
    create.add_argument("--scope", choices=[scope.value for scope in KeyScope], help="what it may; write by default")
    create.add_argument("--project", action="append", help="only this one; may be repeated")
    create.add_argument("--no-project", action="store_true", help="also, or only, memories of no project")
    create.add_argument("--client-id", help="it speaks for this machine alone")
    create.add_argument("--max-memories", type=int, help="how many memories it may keep")
    create.add_argument("--max-bytes", type=int, help="how many bytes it may keep")
    rotate = action_parser(actions, "rotate", "issue a key anew under its name, and show it once", KeySettings)
    rotate.add_argument(
        "--overlap", help="how long the one before works yet, such as 12h; 0: it ends now; default: 24h"
    )
    revoke = action_parser(actions, "revoke", "let a key end now, and for good", KeySettings)
    action_parser(actions, "list", "show every key there is or was", KeySettings)
    for ends in (create, rotate):
        ends.add_argument("--expires", help="when it ends: a date, a time, or a span from now on (12h, 90d)")
    for needs_one in (create, rotate, revoke):
        needs_one.add_argument("name", metavar="NAME", help="its name, such as that of the machine it is for")


def run(flags: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Raises MemoryServiceError."""
    os.umask(0o077)
    from memory_server.key_store import KeyStore  # and with it SQLite, of which other commands have no use

    settings = load_settings(KeySettings, environ, flags)
    result = _ACTIONS[flags["action"]](KeyStore(data_folder(settings.data_dir, flags, environ)), flags)
    if flags.get("json"):
        sys.stdout.write(f"{as_json(result)}\n")
    else:
        sys.stdout.write(f"{_text(result, environ)}\n")


def _create(store: "KeyStore", flags: Mapping[str, Any]) -> IssuedKey:
    projects = [*flags.get("project", ()), *([""] if flags.get("no_project") else [])]
    new = NewKey(
        name=flags["name"],
        scope=KeyScope(flags.get("scope", KeyScope.WRITE)),
        projects=tuple(dict.fromkeys(projects)) or None,
        client_id=flags.get("client_id"),
        expires_at=_end(flags),
        max_memories=flags.get("max_memories"),
        max_bytes=flags.get("max_bytes"),
    )
    return store.create(new)


def _list(store: "KeyStore", _flags: Mapping[str, Any]) -> KeyList:
    return store.list()


def _rotate(store: "KeyStore", flags: Mapping[str, Any]) -> IssuedKey:
    overlap = span(flags["overlap"]) if "overlap" in flags else None
    ends = {} if overlap is None else {"overlap_s": int(overlap.total_seconds())}
    return store.rotate(flags["name"], Rotation(expires_at=_end(flags), **ends))


def _revoke(store: "KeyStore", flags: Mapping[str, Any]) -> Key:
    return store.revoke(flags["name"])


_Action = Callable[["KeyStore", Mapping[str, Any]], Key | KeyList]
_ACTIONS: dict[str, _Action] = {"create": _create, "list": _list, "rotate": _rotate, "revoke": _revoke}


def _end(flags: Mapping[str, Any]) -> datetime | None:
    return coming(flags["expires"], now=datetime.now(UTC)) if "expires" in flags else None


def _text(result: Key | KeyList, environ: Mapping[str, str]) -> str:
    now = datetime.now(UTC)
    if isinstance(result, KeyList):
        return "\n".join("  ".join(key_words.row(key, now)) for key in result.keys) or "No keys"
    if not isinstance(result, IssuedKey):
        return f"Revoked {result.name}"
    if not sys.stdout.isatty():
        return result.key
    return key_words.issued(result, f"http://{socket.gethostname()}:{environ.get('MEMORY_PORT') or _PORT}", now)
