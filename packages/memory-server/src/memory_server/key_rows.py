"""Rows of `access.sqlite` as keys, and whose key that is."""

import json
import sqlite3
from datetime import UTC, datetime

from memory_core.keys import Key, KeyScope, Secret
from memory_server import key_sql as sql

_HINT_BYTES = 4


def any_made(connection: sqlite3.Connection) -> bool:
    ((found,),) = connection.execute(sql.ANY).fetchall()
    return bool(found)


def holder(connection: sqlite3.Connection, digest: bytes, now: datetime) -> Key | None:
    """Whose key has that digest, with that one of its secrets; null unless it works now.

    The index compares digests. What its time tells of one leads nobody to the key.
    """
    # All of it, though it is one row: a statement that is not at its end keeps writers out.
    rows = connection.execute(sql.HOLDER, {"digest": digest}).fetchall()
    if not rows:
        return None
    key = key_of(rows[0], (_secret(rows[0]),))
    ends = (key.expires_at, key.secrets[0].ends_at)
    return None if any(end is not None and end <= now for end in ends) else key


def working_secrets(connection: sqlite3.Connection, name: str, now: datetime) -> tuple[Secret, ...]:
    return tuple(map(_secret, connection.execute(sql.WORKING_SECRETS, {"name": name, "now": text_of(now)})))


def key_of(row: sqlite3.Row, secrets: tuple[Secret, ...]) -> Key:
    return Key(
        name=row["name"],
        scope=KeyScope(row["scope"]),
        projects=None if row["projects"] is None else tuple(json.loads(row["projects"])),
        client_id=row["client_id"],
        created_at=datetime.fromisoformat(row["created_at"]),
        expires_at=_time(row["expires_at"]),
        revoked_at=_time(row["revoked_at"]),
        max_memories=row["max_memories"],
        max_bytes=row["max_bytes"],
        secrets=secrets,
    )


def _secret(row: sqlite3.Row) -> Secret:
    return Secret(
        hint=row["digest"][:_HINT_BYTES].hex(),
        created_at=datetime.fromisoformat(row["issued_at"]),
        ends_at=_time(row["ends_at"]),
    )


def text_of(at: datetime) -> str:
    """All of one length, so that the texts are in the order of the times."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
