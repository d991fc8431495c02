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
_HINT = re.compile(r"[0-9a-f]{8}")  # by which MEMORY_API_KEY is known in logs and in the history

DAY_S = 24 * 60 * 60


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
        if _HINT.fullmatch(self.name):
            raise InvalidError("the name of a key is not 8 digits from 0 to f: MEMORY_API_KEY is known by such a one")
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


class Secret(Struct, frozen=True, kw_only=True):
    """One of the texts that may be sent for a key, known by the beginning of its hash. It works until `ends_at`."""

    hint: str
    created_at: datetime
    ends_at: datetime | None = None
    last_used_at: datetime | None = None


class Key(Struct, frozen=True, kw_only=True):
    """What is known of a key. It works until `expires_at`, or until it was revoked.

    `secrets` are those that may be sent for it, the newest first: one, or more for a while after it was rotated.
    """

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
    secrets: tuple[Secret, ...] = ()


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was sent until now works for `overlap_s` more. Without `expires_at`, the key ends when it was to end."""

    overlap_s: int = DAY_S
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        checks.between("overlap_s", self.overlap_s, 0, 366 * DAY_S)
        checks.in_utc(self, "expires_at")


class IssuedKey(Key, frozen=True, kw_only=True):
    """`key` is what the holder sends. It is shown in this answer and never again."""

    key: str


class KeyList(Struct, frozen=True, kw_only=True):
    keys: tuple[Key, ...]
    count: int


class OwnKey(Struct, frozen=True, kw_only=True):
    """What the sender of a request may. `name` is null where the server wants no key, or has but one of its own.

    What was sent works until `expires_at`; with `replaced`, that is because another was issued in its place. `at` is
    the time of the server.
    """

    at: datetime
    name: str | None
    scope: KeyScope
    projects: tuple[str, ...] | None = None
    client_id: str | None = None
    expires_at: datetime | None = None
    replaced: bool = False
    max_memories: int | None = None
    max_bytes: int | None = None
