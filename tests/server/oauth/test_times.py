"""What ends with time, and what strangers can fill: over the real tables, with a clock of the test's own."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_core.keys import KeyScope, NewKey
from memory_server.access import Level
from memory_server.oauth import clients, grants
from memory_server.oauth.asking import Asked
from memory_server.oauth.clients import Client, Clients, shown_name
from memory_server.oauth.errors import OAuthError
from memory_server.oauth.grants import Grants, Tokens
from memory_server.oauth.tables import Tables

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "https://connector.example/callback"
BODY = json.dumps({"client_name": "A connector", "redirect_uris": [CALLBACK]}).encode()


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """The tables of one folder, and who works with them."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.tables = Tables(folder)
        self.clients = Clients(self.tables, self.clock)
        self.grants = Grants(self.tables, self.clock, resource="https://memory.example.org/mcp")

    def code(self, *, name: str = "phone", scope: KeyScope = KeyScope.WRITE) -> str:
        self.client = self.clients.register(BODY)
        asked = Asked(
            client=self.client, redirect_uri=CALLBACK, challenge=CHALLENGE, scope=scope, state=None, query="a query"
        )
        return self.grants.approve(asked, NewKey(name=name, scope=scope), by="an admin")

    def redeem(self, code: str) -> Tokens:
        client_id = self.client.client_id
        return self.grants.redeem(code, client_id=client_id, redirect_uri=CALLBACK, verifier=VERIFIER)

    def refresh(self, tokens: Tokens) -> Tokens:
        return self.grants.refresh(tokens.refresh_token, client_id=self.client.client_id, scope=None)

    def tokens(self, *, name: str = "phone", scope: KeyScope = KeyScope.WRITE) -> Tokens:
        return self.redeem(self.code(name=name, scope=scope))

    def count(self, table: str) -> int:
        row = self.tables.row(f"SELECT count(*) FROM {table}")
        assert row is not None
        return int(row[0])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.tables.close()


def test_a_code_lives_two_minutes(house: House) -> None:
    code = house.code()
    house.clock.now += grants.CODE_S

    with pytest.raises(OAuthError, match="unknown, or too old"):
        house.redeem(code)

    assert house.count("oauth_grants") == 1  # a refusal changes nothing
    house.tokens(name="another")
    assert house.count("oauth_grants") == 1  # what came of nothing is forgotten


def test_an_access_token_lives_an_hour(house: House) -> None:
    tokens = house.tokens()
    house.clock.now += grants.ACCESS_S - 1
    principal = house.grants.principal(tokens.access_token)
    house.clock.now += 1

    assert principal is not None
    assert (principal.level, principal.key_hint) == (Level.WRITE, "oauth:phone")
    assert house.grants.principal(tokens.access_token) is None


def test_a_connector_that_nobody_uses_for_ninety_days_is_out(house: House) -> None:
    tokens = house.tokens()
    house.clock.now += grants.REFRESH_S - 1
    newer = house.refresh(tokens)
    house.clock.now += grants.REFRESH_S

    with pytest.raises(OAuthError, match="too old"):
        house.refresh(newer)


def test_a_refresh_token_comes_twice_after_its_answer_can_no_longer_be_on_the_way(house: House) -> None:
    first = house.tokens()
    second = house.refresh(first)
    house.clock.now += grants.LOST_ANSWER_S + 1

    with pytest.raises(OAuthError, match="the grant is revoked"):
        house.refresh(first)

    assert house.grants.principal(second.access_token) is None
    assert house.grants.list()[0].revoked_at is not None


def test_asking_again_and_again_does_not_keep_an_old_token_alive(house: House) -> None:
    first = house.tokens()
    house.refresh(first)
    house.clock.now += grants.LOST_ANSWER_S
    house.refresh(first)
    house.clock.now += 1

    with pytest.raises(OAuthError, match="the grant is revoked"):
        house.refresh(first)


def test_what_is_over_is_shown_for_a_month_and_then_forgotten(house: House) -> None:
    house.tokens()
    house.grants.revoke(house.grants.list()[0].id)
    house.clock.now += grants.KEPT_S - 1
    house.tokens(name="another")
    shown = len(house.grants.list())
    house.clock.now += 1
    house.tokens(name="third")

    assert (shown, len(house.grants.list())) == (2, 2)


def test_the_last_use_is_seen_at_once_and_outlives_an_orderly_end(house: House, tmp_path: Path) -> None:
    tokens = house.tokens()
    house.clock.now += 60
    house.grants.principal(tokens.access_token)
    seen = house.grants.list()[0].last_used_at
    house.grants.close()

    again = House(tmp_path)
    assert again.grants.list()[0].last_used_at == seen
    assert seen is not None
    assert seen.timestamp() == house.clock.now
    again.tables.close()
    house.tables = Tables(tmp_path)  # for the fixture to close


def test_a_registration_that_nobody_approves_is_gone_after_a_day(house: House) -> None:
    waiting = house.clients.register(BODY)
    house.tokens()
    house.clock.now += clients.WAITS_S

    assert house.clients.find(waiting.client_id) is None
    assert house.clients.find(house.client.client_id) is not None  # that one was approved
    assert house.count("oauth_clients") == 1


def test_strangers_who_register_fill_no_disk_and_no_memory(house: House) -> None:
    """The one that waited longest goes; one that a person approved never does."""
    house.clients = Clients(house.tables, house.clock, max_waiting=5)
    house.tokens()
    registered: list[Client] = []
    for _ in range(8):
        house.clock.now += 1
        registered.append(house.clients.register(BODY))

    known = [client.client_id for client in registered if house.clients.find(client.client_id)]
    assert known == [client.client_id for client in registered[-5:]]
    assert house.count("oauth_clients") == 1
    assert house.clients.find(house.client.client_id) is not None


def test_a_start_writes_nothing_where_the_tables_are_there(house: House, tmp_path: Path) -> None:
    """So that what was approved goes on to work on a disk that takes nothing more."""
    file = tmp_path / "access.sqlite"
    before = file.stat().st_mtime_ns

    Tables(tmp_path).close()

    assert file.stat().st_mtime_ns == before


def test_a_refusal_leaves_no_half_of_a_change(house: House) -> None:
    code = house.code()

    with pytest.raises(OAuthError, match="code_verifier"):
        house.grants.redeem(code, client_id=house.client.client_id, redirect_uri=CALLBACK, verifier="w" * 43)

    assert house.count("oauth_tokens") == 0
    assert house.redeem(code).scope == "memory:read memory:write"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Claude", "Claude"),
        ("", "a client without a name"),
        (" \u200b\u202e ", "a client without a name"),
        ("Claude\u202egnp.exe", "Claude gnp.exe"),
        ("two\nlines\tand\x00more", "two lines and more"),
        ("x" * 500, "x" * clients.MAX_NAME_CHARS),
    ],
)
def test_a_name_cannot_hide_or_turn_what_stands_around_it(said: str, shown: str) -> None:
    assert shown_name(said) == shown
