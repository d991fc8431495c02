"""Who may ask: clients that registered themselves (RFC 7591). That anyone can, so it grants nothing and is bounded.

Every client is a public one: it proves by PKCE that it is the one that asked, and has no secret to keep.
"""

import json
import secrets
import unicodedata
from collections.abc import Callable

import msgspec
from msgspec import Struct

from memory_server.oauth.errors import OAuthError
from memory_server.oauth.redirects import fault_of
from memory_server.oauth.tables import Tables

MAX_WAITING = 1_000  # of some 5 KB at most: a stranger fills 5 MB, and no more
WAITS_S = 24 * 3600.0
MAX_REDIRECTS = 10
MAX_NAME_CHARS = 80
_NOT_SHOWN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})  # controls, and what turns the direction of text


class Client(Struct, frozen=True, kw_only=True):
    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    created_at: float = 0.0


class Wanted(Struct, frozen=True, kw_only=True):
    """What a client says of itself. What is not named here is not kept (RFC 7591, 2)."""

    redirect_uris: tuple[str, ...] = ()
    client_name: str = ""


class Clients:
    def __init__(self, tables: Tables, clock: Callable[[], float], *, max_waiting: int = MAX_WAITING) -> None:
        self._tables = tables
        self._clock = clock
        self._max_waiting = max_waiting

    def register(self, body: bytes) -> Client:
        """Raises OAuthError. Where too many wait for an approval, the one that waited longest goes."""
        wanted = _wanted(body)
        client = Client(
            client_id=secrets.token_urlsafe(18),
            name=shown_name(wanted.client_name),
            redirect_uris=wanted.redirect_uris,
            created_at=self._clock(),
        )
        with self._tables.transaction() as change:
            change.execute(
                "DELETE FROM oauth_clients WHERE approved = 0 AND created_at <= ?", (client.created_at - WAITS_S,)
            )
            change.execute(
                "DELETE FROM oauth_clients WHERE client_id IN (SELECT client_id FROM oauth_clients WHERE approved = 0 "
                "ORDER BY created_at DESC, client_id LIMIT -1 OFFSET ?)",
                (self._max_waiting - 1,),
            )
            change.execute(
                "INSERT INTO oauth_clients (client_id, name, redirect_uris, created_at) VALUES (?, ?, ?, ?)",
                (client.client_id, client.name, json.dumps(client.redirect_uris), client.created_at),
            )
        return client

    def find(self, client_id: str) -> Client | None:
        row = self._tables.row(
            "SELECT client_id, name, redirect_uris, created_at FROM oauth_clients "
            "WHERE client_id = ? AND (approved = 1 OR created_at > ?)",
            client_id,
            self._clock() - WAITS_S,
        )
        if row is None:
            return None
        return Client(
            client_id=row["client_id"],
            name=row["name"],
            redirect_uris=tuple(json.loads(row["redirect_uris"])),
            created_at=row["created_at"],
        )


def _wanted(body: bytes) -> Wanted:
    try:
        wanted = msgspec.json.decode(body, type=Wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise OAuthError("invalid_client_metadata", f"the body is no description of a client: {error}") from error
    check_redirects(wanted.redirect_uris)
    return wanted


def check_redirects(uris: tuple[str, ...]) -> None:
    """Raises OAuthError."""
    if not 0 < len(uris) <= MAX_REDIRECTS:
        raise OAuthError("invalid_redirect_uri", f"a client has 1 to {MAX_REDIRECTS} redirect_uris")
    for uri in uris:
        if fault := fault_of(uri):
            raise OAuthError("invalid_redirect_uri", f"{uri[:100]!r} {fault}")


def shown_name(text: str) -> str:
    """What a stranger calls itself, on one line and without what would move or hide the text around it."""
    seen = "".join(" " if unicodedata.category(c) in _NOT_SHOWN else c for c in text[: 4 * MAX_NAME_CHARS])
    return " ".join(seen.split())[:MAX_NAME_CHARS] or "a client without a name"
