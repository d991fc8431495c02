"""Keys as they are kept: made, listed, rotated, revoked, by a server or by a command beside it. Blocking.

Of a key itself only the SHA-256 is kept. That is enough: nobody finds 256 random bits by trying, so that a slow hash,
as for passwords, would only cost time. A name is never used again, because the history knows its holder by it.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import asdict, replace

from memory_core.errors import ConflictError, InvalidError, NotFoundError
from memory_core.key_text import new_key
from memory_core.keys import IssuedKey, Key, KeyList, KeyScope, NewKey, Rotation
from memory_server import key_sql as sql
from memory_server.access_file import AccessFile
from memory_server.key_lookup import KeyLookup
from memory_server.key_rows import any_made, key_of, text_of, working_secrets
from memory_server.key_uses import KeyUses, Uses


class KeyStore:
    def __init__(self, data_dir: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.file = AccessFile(data_dir)
        self.uses = KeyUses(data_dir)
        self.clock = clock

    def lookup(self) -> KeyLookup:
        return KeyLookup(self.file)

    def any_made(self) -> bool:
        """Whether there ever was a key: then nobody is let in without one."""
        if not self.file.exists():
            return False
        with self.file.reading() as connection:
            return any_made(connection)

    def list(self) -> KeyList:
        """Revoked and expired ones too, in the order in which they were made."""
        if not self.file.exists():
            return KeyList(keys=(), count=0)
        with self.file.reading() as connection:
            connection.execute("BEGIN")  # so that all of it is of one moment
            now, uses = self.clock(), self.uses.read()
            rows = connection.execute(sql.ALL).fetchall()
            keys = tuple(_used(key_of(row, working_secrets(connection, row["name"], now)), uses) for row in rows)
        return KeyList(keys=keys, count=len(keys))

    def create(self, new: NewKey, *, spare_admins: bool = False) -> IssuedKey:
        """With `spare_admins`, ConflictError for one that would close the server while nobody may administer it."""
        now = self.clock()
        _require_future(new.expires_at, now)
        with self.file.changing() as connection:
            if connection.execute(sql.ONE, {"name": new.name}).fetchone() is not None:
                raise ConflictError(f"there is, or was, a key {new.name!r}, and no name is used twice; choose another")
            if spare_admins and new.scope is not KeyScope.ADMIN and not _others_administer(connection, "", now):
                raise ConflictError(
                    "the first key must be one of scope admin, or nobody could make another; `memory-server keys "
                    "create` on the server's machine makes any"
                )
            values = {
                "projects": None if new.projects is None else json.dumps(new.projects),
                "expires_at": None if new.expires_at is None else text_of(new.expires_at),
                "now": text_of(now),
            }
            connection.execute(sql.ADD_KEY, asdict(new) | values)
            return self._issued(connection, new.name, now)

    def revoke(self, name: str, *, spare_admins: bool = False) -> Key:
        """At once, and for good. With `spare_admins`, ConflictError for the last key that may administer."""
        now = self.clock()
        with self._changing(name) as (connection, key):
            if key.revoked_at is not None:
                return key
            if spare_admins and key.scope is KeyScope.ADMIN and not _others_administer(connection, name, now):
                raise ConflictError(
                    f"{key.name} is the last key that may administer this server; make another first, or use "
                    "`memory-server keys revoke` on its machine"
                )
            connection.execute(sql.REVOKE, {"name": name, "now": text_of(now)})
            connection.execute(sql.FORGET_SECRETS, {"name": name})
            return self._found(connection, name)

    def rotate(self, name: str, rotation: Rotation) -> IssuedKey:
        """Another secret for the same name; those before it work until the overlap is over."""
        now = self.clock()
        _require_future(rotation.expires_at, now)
        with self._changing(name) as (connection, key):
            if key.revoked_at is not None:
                raise ConflictError(f"{key.name} was revoked, and stays so; make a key of another name")
            has_expired = key.expires_at is not None and key.expires_at <= now
            if has_expired and rotation.expires_at is None:
                raise ConflictError(f"{key.name} has expired; say until when it is to work from now on (expires_at)")
            # What has expired must not work again because the key is given a new end.
            overlap = timedelta() if has_expired else timedelta(seconds=rotation.overlap_s)
            connection.execute(sql.END_SECRETS, {"name": name, "end": text_of(now + overlap)})
            connection.execute(sql.FORGET_ENDED, {"name": name, "now": text_of(now)})
            if rotation.expires_at is not None:
                connection.execute(sql.SET_EXPIRY, {"name": name, "expires_at": text_of(rotation.expires_at)})
            return self._issued(connection, name, now)

    @contextlib.contextmanager
    def _changing(self, name: str) -> Iterator[tuple[sqlite3.Connection, Key]]:
        """Raises NotFoundError unless there is, or was, such a key."""
        if not self.file.exists():
            raise _no_key(name)
        with self.file.changing() as connection:
            yield connection, self._found(connection, name)

    def _issued(self, connection: sqlite3.Connection, name: str, now: datetime) -> IssuedKey:
        text = new_key()
        digest = hashlib.sha256(text.encode("ascii")).digest()
        connection.execute(sql.KEEP_DIGEST, {"digest": digest, "name": name, "now": text_of(now)})
        return IssuedKey(**asdict(self._found(connection, name)), key=text)

    def _found(self, connection: sqlite3.Connection, name: str) -> Key:
        row = connection.execute(sql.ONE, {"name": name}).fetchone()
        if row is None:
            raise _no_key(name)
        return _used(key_of(row, working_secrets(connection, name, self.clock())), self.uses.read())


def _others_administer(connection: sqlite3.Connection, name: str, now: datetime) -> bool:
    (count,) = connection.execute(sql.OTHER_ADMINS, {"name": name, "now": text_of(now)}).fetchone()
    return bool(count)


def _used(key: Key, uses: Uses) -> Key:
    used = uses.get(key.name, {})
    secrets = tuple(replace(secret, last_used_at=used.get(secret.hint)) for secret in key.secrets)
    return replace(key, last_used_at=max(used.values(), default=None), secrets=secrets)


def _require_future(at: datetime | None, now: datetime) -> None:
    if at is not None and at <= now:
        raise InvalidError(f"expires_at is {at:%Y-%m-%d %H:%M} UTC, which is over; name a time to come")


def _no_key(name: str) -> NotFoundError:
    return NotFoundError(f"there is no key {name[:64]!r}; `keys list` shows them")
