"""Grants: what a person approved for a connector that asked by OAuth. Needs msgspec and nothing else.

A grant is used like a key that is limited: to read or write, to projects, to a machine. Its tokens are known to the
connector alone.
"""

from datetime import datetime

from msgspec import Struct

from memory_core.keys import KeyScope


class Grant(Struct, frozen=True, kw_only=True):
    """`client_name` is what the connector calls itself, which proves nothing; `sent_to` is where its answers went.

    `id` stays when a name is used again. It ends at `expires_at` unless it is used before, or when it is revoked.
    """

    id: str
    name: str
    client_name: str
    sent_to: str
    scope: KeyScope
    projects: tuple[str, ...] | None
    client_id: str | None
    approved_by: str | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    revoked_at: datetime | None
    kind: str = "oauth"


class GrantList(Struct, frozen=True, kw_only=True):
    grants: tuple[Grant, ...]
    count: int
