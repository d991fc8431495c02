"""Keys in words: what one may do, how it stands, and what its holder is told once. Pure; for every command that shows
them.
"""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from urllib.parse import urlsplit

from memory_core.counting import memories
from memory_core.key_text import client_lines
from memory_core.keys import IssuedKey, Key, KeyScope, OwnKey

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def reach(key: Key | OwnKey) -> str:
    """`write, projects shop and site`"""
    parts = [key.scope.value, projects(key.projects) if key.scope is not KeyScope.ADMIN else ""]
    parts.append(f"client {key.client_id}" if key.client_id else "")
    parts.append(f"at most {memories(key.max_memories)}" if key.max_memories else "")
    parts.append(f"at most {key.max_bytes:,} bytes" if key.max_bytes else "")
    return ", ".join(part for part in parts if part)


def projects(names: Sequence[str] | None) -> str:
    if names is None:
        return "all projects"
    named = [name for name in names if name]
    none = "memories of no project" if "" in names else ""
    some = f"project{'s' if len(named) > 1 else ''} {_list(named)}" if named else ""
    return " and ".join(part for part in (some, none) if part)


def standing(key: Key, now: datetime, zone: tzinfo | None = None) -> str:
    """Until when it works, and what else works for it."""
    if key.revoked_at is not None:
        return f"revoked {_when(key.revoked_at, zone)}"
    if key.expires_at is not None and key.expires_at <= now:
        return f"expired {_when(key.expires_at, zone)}"
    parts = [f"until {_when(key.expires_at, zone)}"] if key.expires_at is not None else []
    parts += [_ending(secret.ends_at, secret.last_used_at, zone) for secret in key.secrets if secret.ends_at]
    return "; ".join(parts) or "works"


def row(key: Key, now: datetime, zone: tzinfo | None = None) -> tuple[str, str, str, str]:
    """Name, what it may, when it was last used, and how it stands."""
    used = f"used {_when(key.last_used_at, zone)}" if key.last_used_at is not None else "never used"
    return key.name, reach(key), used, standing(key, now, zone)


def issued(key: IssuedKey, url: str, now: datetime, zone: tzinfo | None = None) -> str:
    """The only text that ever shows a key. `url` is where its holder finds the server."""
    lines = "\n".join(f"  {line}" for line in client_lines(url, key.key, key.client_id).splitlines())
    # An admin on the server's machine, or in its container, would else send others to themselves.
    host = urlsplit(url).hostname
    elsewhere = f"; on another than this, with this one's address in place of {host}" if host in _LOOPBACK else ""
    return (
        f"The key {key.name}: {reach(key)}, {standing(key, now, zone)}\n\n  {key.key}\n\n"
        f"It is shown this once. On the machine that is to use it, one of these{elsewhere}:\n\n{lines}"
    )


def _ending(ends_at: datetime, used_at: datetime | None, zone: tzinfo | None) -> str:
    used = "never used" if used_at is None else f"used {_when(used_at, zone)}"
    return f"the one before works until {_when(ends_at, zone)}, {used}"


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _when(at: datetime, zone: tzinfo | None) -> str:
    """Local time, or that of `zone`, to the minute."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
