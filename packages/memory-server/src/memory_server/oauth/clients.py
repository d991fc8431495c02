"""Who may ask: clients that registered themselves (RFC 7591). That anyone can, so it grants nothing and is bounded.

Every client is a public one: it proves by PKCE that it is the one that asked, and has no secret to keep.
"""

import json
import secrets
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from msgspec import Struct

from memory_server.oauth.errors import OAuthError
from memory_server.oauth.redirects import fault_of
from memory_server.oauth.tables import Tables

MAX_WAITING = 1_000  # of some 5 KB at most: strangers take 5 MB of memory, and no more
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
    """Those that a person approved are in the tables; those that wait for it are in memory.

    So no stranger makes this server write: a registration that waits is lost with a restart, and made again.
    """

    def __init__(self, tables: Tables, clock: Callable[[], float], *, max_waiting: int = MAX_WAITING) -> None:
        self._tables = tables
        self._clock = clock
        self._max_waiting = max_waiting
        self._waiting: OrderedDict[str, Client] = OrderedDict()
        self._lock = threading.Lock()

    def register(self, body: bytes) -> Client:
        """Raises OAuthError. Where too many wait, the one that waited longest goes."""
        wanted, now = _wanted(body), self._clock()
        client = Client(
            client_id=secrets.token_urlsafe(18),
            name=shown_name(wanted.client_name),
            redirect_uris=wanted.redirect_uris,
            created_at=now,
        )
        with self._lock:
            self._waiting[client.client_id] = client
            while len(self._waiting) > self._max_waiting or self._is_over(next(iter(self._waiting.values()))):
                self._waiting.popitem(last=False)
        return client

    def find(self, client_id: str) -> Client | None:
        with self._lock:
            waiting = self._waiting.get(client_id)
        if waiting is not None and not self._is_over(waiting):
            return waiting
        row = self._tables.row("SELECT * FROM oauth_clients WHERE client_id = ?", client_id)
        if row is None:
            return None
        return Client(
            client_id=row["client_id"],
            name=row["name"],
            redirect_uris=tuple(json.loads(row["redirect_uris"])),
            created_at=row["created_at"],
        )

    def _is_over(self, client: Client) -> bool:
        return client.created_at <= self._clock() - WAITS_S


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
