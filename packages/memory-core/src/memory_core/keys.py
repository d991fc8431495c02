"""Keys: what the holder of one may do, of which projects, and as which machine. Needs msgspec and nothing else.

A key itself is shown once, when it is made; afterwards it is known by its name.
"""

import re
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from memory_core import checks
from memory_core.errors import InvalidError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class KeyScope(StrEnum):
    """Each may what the one before it may."""

    READ = "read"  # find and look at memories
    WRITE = "write"  # keep, change, trash and bring back
    ADMIN = "admin"  # keys, backups, models, repair, what is removed for good


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`projects` are those it reaches, "" among them for memories of no project; null: all.

    With `client_id`, it speaks for that machine alone. `max_memories` and `max_bytes` limit what it may keep in all.
    """

    name: str
    scope: KeyScope = KeyScope.WRITE
    projects: tuple[str, ...] | None = None
    client_id: str | None = None
    expires_at: datetime | None = None
    max_memories: int | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidError("the name of a key is 1 to 64 letters, digits and . _ @ -, a letter or digit first")
        checks.names(self, "client_id")
        checks.projects(self.projects)
        if self.projects == ():
            raise InvalidError("projects is empty, so the key would reach nothing; leave it out for all projects")
        if self.projects is not None and self.scope is KeyScope.ADMIN:
            raise InvalidError("an admin key reaches all projects; limit a read or a write key")
        for limit in ("max_memories", "max_bytes"):
            if (value := getattr(self, limit)) is not None:
                checks.between(limit, value, 1, 1 << 50)
        checks.in_utc(self, "expires_at")


class Key(Struct, frozen=True, kw_only=True):
    """What is known of a key. It works until `expires_at`, or until it was revoked."""

    name: str
    scope: KeyScope
    projects: tuple[str, ...] | None
    client_id: str | None
    created_at: datetime
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    max_memories: int | None = None
    max_bytes: int | None = None


class IssuedKey(Key, frozen=True, kw_only=True):
    """`key` is what the holder sends. It is shown in this answer and never again."""

    key: str


class KeyList(Struct, frozen=True, kw_only=True):
    keys: tuple[Key, ...]
    count: int
