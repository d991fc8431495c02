"""Grants, and the codes and tokens by which they are used.

A code works once and two minutes long. A refresh token is given in for the next one. Whoever comes with one of either
that was given in before shows that two have it, and then neither goes on (OAuth 2.1, 4.1.3 and 4.3.1).
"""

import json
import logging
import sqlite3
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from memory_core.errors import MemoryServiceError, NotFoundError
from memory_core.grants import Grant
from memory_core.keys import KeyScope, NewKey
from memory_server.access import LEVELS, Principal
from memory_server.oauth.asking import Asked, scope_text, scopes_in
from memory_server.oauth.errors import OAuthError
from memory_server.oauth.tables import Tables
from memory_server.oauth.tokens import ACCESS, CODE, REFRESH, digest_of, new_token, proves

log = logging.getLogger(__name__)

CODE_S = 120.0
ACCESS_S = 3600
REFRESH_S = 90 * 86400.0
KEPT_S = 30 * 86400.0  # how long a grant that is over is still shown
# An answer may be lost on the way, or two windows of a client ask at once. As long as nobody has used the successor,
# a refresh token may be given in again, and that successor is over instead.
LOST_ANSWER_S = 30.0


class Tokens(Struct, frozen=True, kw_only=True):
    """The answer of the token endpoint (RFC 6749, 5.1)."""

    access_token: str
    refresh_token: str
    scope: str
    token_type: str = "Bearer"  # noqa: S105 - no password
    expires_in: int = ACCESS_S


class Grants:
    """`resource` is what tokens are for. Those of a server that had another address then are worth nothing."""

    def __init__(self, tables: Tables, clock: Callable[[], float], *, resource: str) -> None:
        self._tables = tables
        self._clock = clock
        self._resource = resource
        self._used: dict[str, float] = {}  # since the start; written with other changes, so that reading stays reading

    def approve(self, asked: Asked, given: NewKey, *, by: str | None) -> str:
        """The code that lets the client fetch its tokens. A name that is taken gets a number."""
        code, now = new_token(CODE), self._clock()
        with self._tables.transaction() as change:
            self._sweep(change, now)
            client = asked.client
            change.execute(
                "INSERT OR IGNORE INTO oauth_clients (client_id, name, redirect_uris, created_at) VALUES (?, ?, ?, ?)",
                (client.client_id, client.name, json.dumps(client.redirect_uris), client.created_at),
            )
            change.execute(
                "INSERT INTO oauth_grants (id, name, client_id, client_name, redirect_uri, resource, scope, "
                "projects, machine, approved_by, created_at, expires_at, code, code_challenge, code_expires_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    uuid.uuid4().hex[:12],
                    _free_name(change, given.name),
                    client.client_id,
                    client.name,
                    asked.redirect_uri,
                    self._resource,
                    given.scope.value,
                    None if given.projects is None else json.dumps(given.projects),
                    given.client_id,
                    by,
                    now,
                    now + CODE_S,
                    digest_of(code),
                    asked.challenge,
                    now + CODE_S,
                ),
            )
        return code

    def redeem(self, code: str, *, client_id: str, redirect_uri: str | None, verifier: str) -> Tokens:
        """Raises OAuthError. A code that was used before ends the grant."""
        now = self._clock()
        with self._tables.transaction() as change:
            self._sweep(change, now)
            row = change.execute(
                "SELECT * FROM oauth_grants WHERE code = ? AND resource = ?", (digest_of(code), self._resource)
            ).fetchone()
            if row is None or row["client_id"] != client_id:
                raise _no_grant("the code is unknown, or too old")
            if row["code_used_at"] is None:
                if row["revoked_at"] is not None:
                    raise _no_grant("the grant was revoked")
                if redirect_uri not in (None, row["redirect_uri"]):
                    raise _no_grant("redirect_uri is another one than that of the request for the code")
                if not proves(verifier, row["code_challenge"]):
                    raise _no_grant("code_verifier does not fit the code_challenge")
                change.execute("UPDATE oauth_grants SET code_used_at = ? WHERE id = ?", (now, row["id"]))
                return self._issue(change, row["id"], KeyScope(row["scope"]), now)[0]
            _revoke(change, row["id"], now)
        raise _no_grant("the code was used before; the grant is revoked")

    def refresh(self, token: str, *, client_id: str, scope: str | None) -> Tokens:
        """Raises OAuthError. A token that was given in before ends the grant."""
        now, digest = self._clock(), digest_of(token)
        with self._tables.transaction() as change:
            self._sweep(change, now)
            row = change.execute(
                "SELECT t.used_at, t.successor, g.id, g.client_id, g.scope FROM oauth_tokens t "
                "JOIN oauth_grants g ON g.id = t.grant_id WHERE t.token = ? AND t.kind = 'refresh' AND g.resource = ?",
                (digest, self._resource),
            ).fetchone()
            if row is None or row["client_id"] != client_id:
                raise _no_grant("the refresh token is unknown, too old or revoked")
            if row["used_at"] is None or _answer_was_lost(change, row, now):
                tokens, successor = self._issue(change, row["id"], _narrowed(KeyScope(row["scope"]), scope), now)
                spent = "UPDATE oauth_tokens SET used_at = coalesce(used_at, ?), successor = ? WHERE token = ?"
                change.execute(spent, (now, successor, digest))
                if row["successor"] is not None:
                    change.execute(spent, (now, successor, row["successor"]))
                return tokens
            _revoke(change, row["id"], now)
        raise _no_grant("the refresh token was used before; the grant is revoked")

    def principal(self, token: str) -> Principal | None:
        """Whose access token that is; null for one that is unknown, over or revoked."""
        now = self._clock()
        row = self._tables.row(
            "SELECT g.id, g.name, g.projects, g.machine, t.scope, t.expires_at FROM oauth_tokens t JOIN oauth_grants g "
            "ON g.id = t.grant_id WHERE t.token = ? AND t.kind = 'access' AND t.expires_at > ? "
            "AND g.revoked_at IS NULL AND g.resource = ?",
            digest_of(token),
            now,
            self._resource,
        )
        if row is None:
            return None
        self._used[row["id"]] = now
        return Principal(
            limited_as=f"grant {row['id']}",
            key_hint=f"oauth:{row['name']}",  # no key has a colon in its name
            level=LEVELS[KeyScope(row["scope"])],
            projects=_projects(row),
            client_id=row["machine"],
            expires_at=_moment(row["expires_at"]),
        )

    def revoke_token(self, token: str, *, client_id: str) -> None:
        """RFC 7009: a refresh token takes its grant along, an access token goes alone; any other changes nothing."""
        now, digest = self._clock(), digest_of(token)
        with self._tables.transaction() as change:
            row = change.execute(
                "SELECT t.kind, g.id FROM oauth_tokens t JOIN oauth_grants g ON g.id = t.grant_id "
                "WHERE t.token = ? AND g.client_id = ?",
                (digest, client_id),
            ).fetchone()
            if row is not None and row["kind"] == "refresh":
                _revoke(change, row["id"], now)
            elif row is not None:
                change.execute("DELETE FROM oauth_tokens WHERE token = ?", (digest,))

    def list(self) -> tuple[Grant, ...]:
        """The oldest first; one whose code nobody has fetched yet is none."""
        rows = self._tables.rows("SELECT * FROM oauth_grants WHERE code_used_at IS NOT NULL ORDER BY created_at, id")
        return tuple(self._grant(row) for row in rows)

    def revoke(self, grant_id: str) -> Grant:
        """Raises NotFoundError. From the next request on, its tokens are unknown."""
        with self._tables.transaction() as change:
            _revoke(change, grant_id, self._clock())
        row = self._tables.row("SELECT * FROM oauth_grants WHERE id = ?", grant_id)
        if row is None:
            raise NotFoundError(f"there is no grant {grant_id[:64]!r}; `claude-memory grants list` shows them")
        return self._grant(row)

    def close(self) -> None:
        try:
            with self._tables.transaction() as change:
                self._sweep(change, self._clock())
        except MemoryServiceError as error:
            log.warning("it could not be noted when grants were used: %s", error)
        finally:
            self._tables.close()

    def _issue(self, change: sqlite3.Connection, grant: str, scope: KeyScope, now: float) -> tuple[Tokens, bytes]:
        """New tokens, and the digest of the refresh token among them."""
        tokens = Tokens(
            access_token=new_token(ACCESS),
            refresh_token=new_token(REFRESH),
            scope=scope_text(scope),
        )
        refresh = digest_of(tokens.refresh_token)
        insert = "INSERT INTO oauth_tokens (token, grant_id, kind, scope, expires_at) VALUES (?, ?, ?, ?, ?)"
        access = digest_of(tokens.access_token)
        change.execute(insert, (access, grant, "access", scope.value, now + ACCESS_S))
        change.execute(insert, (refresh, grant, "refresh", scope.value, now + REFRESH_S))
        change.execute("UPDATE oauth_grants SET expires_at = ? WHERE id = ?", (now + REFRESH_S, grant))
        return tokens, refresh

    def _sweep(self, change: sqlite3.Connection, now: float) -> None:
        """Note who was used, and forget what is over. Used refresh tokens stay as long as they could have lasted."""
        for grant, moment in list(self._used.items()):
            change.execute("UPDATE oauth_grants SET last_used_at = ? WHERE id = ?", (moment, grant))
        change.execute("DELETE FROM oauth_tokens WHERE expires_at <= ?", (now,))
        change.execute("DELETE FROM oauth_grants WHERE code_used_at IS NULL AND code_expires_at <= ?", (now,))
        change.execute("DELETE FROM oauth_grants WHERE coalesce(revoked_at, expires_at) <= ?", (now - KEPT_S,))
        change.execute("DELETE FROM oauth_tokens WHERE grant_id NOT IN (SELECT id FROM oauth_grants)")

    def _grant(self, row: sqlite3.Row) -> Grant:
        return Grant(
            id=row["id"],
            name=row["name"],
            client_name=row["client_name"],
            sent_to=row["redirect_uri"],
            scope=KeyScope(row["scope"]),
            projects=_projects(row),
            client_id=row["machine"],
            approved_by=row["approved_by"],
            created_at=_moment(row["created_at"]),
            last_used_at=_moment_or_none(self._used.get(row["id"], row["last_used_at"])),
            expires_at=_moment(row["expires_at"]),
            revoked_at=_moment_or_none(row["revoked_at"]),
        )


def _no_grant(text: str) -> OAuthError:
    return OAuthError("invalid_grant", text)


def _revoke(change: sqlite3.Connection, grant: str, now: float) -> None:
    change.execute("UPDATE oauth_grants SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", (now, grant))
    change.execute("DELETE FROM oauth_tokens WHERE grant_id = ?", (grant,))


def _answer_was_lost(change: sqlite3.Connection, row: sqlite3.Row, now: float) -> bool:
    if now - row["used_at"] > LOST_ANSWER_S:
        return False
    successor = change.execute("SELECT used_at FROM oauth_tokens WHERE token = ?", (row["successor"],)).fetchone()
    return successor is not None and successor["used_at"] is None


def _narrowed(granted: KeyScope, wanted: str | None) -> KeyScope:
    """What a refresh asks for, which may be less than was granted."""
    if wanted is None:
        return granted
    scope = scopes_in(wanted)
    if scope is None or LEVELS[scope] > LEVELS[granted]:
        raise OAuthError("invalid_scope", f"the grant has {scope_text(granted)}, and no more")
    return scope


def _free_name(change: sqlite3.Connection, name: str) -> str:
    taken = {row["name"] for row in change.execute("SELECT name FROM oauth_grants WHERE revoked_at IS NULL")}
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name[:58]}-{number}"
    return free


def _projects(row: sqlite3.Row) -> tuple[str, ...] | None:
    return None if row["projects"] is None else tuple(json.loads(row["projects"]))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
