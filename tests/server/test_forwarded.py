"""Where a request comes from, when proxies stand between: a real server believes only whom it should."""

import contextlib
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from memory_core.errors import InvalidError
from memory_server.forwarded import trusted_proxies
from support.servers import RunningServer, running_server

CLIENT, FORGED = "198.51.100.7", "203.0.113.66"
PATIENCE_S = 30
HAS_IPV6 = socket.has_ipv6
with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
    HAS_IPV6 = probe.connect_ex(("::1", 9)) != 99  # EADDRNOTAVAIL


@contextlib.contextmanager
def serving(folder: Path, **env: str) -> Iterator[RunningServer]:
    given = {f"MEMORY_{name.upper()}": value for name, value in env.items()}
    with running_server(folder / "data", api_key="k", env=given) as server:
        yield server


def seen_as(server: RunningServer, **headers: str) -> str:
    """The address that the log has for a request with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = uuid.uuid4().hex
    httpx.get(f"{server.url}/memories", headers={"X-API-Key": "k", "X-Request-ID": request} | named)
    deadline = time.monotonic() + PATIENCE_S
    while request not in server.log_text():  # the line is written after the answer
        assert time.monotonic() < deadline
        time.sleep(0.01)
    line = next(line for line in server.log_text().splitlines() if request in line)
    return line.rpartition("ip=")[2].partition(" ")[0]


def test_a_trusted_proxy_tells_the_client_and_a_client_cannot(tmp_path: Path) -> None:
    """The proxy of the first two replaces what it was sent, that of the third appends to it: both are right."""
    with serving(tmp_path) as server:
        assert seen_as(server) == "127.0.0.1"
        assert seen_as(server, x_forwarded_for=CLIENT) == CLIENT
        assert seen_as(server, x_forwarded_for=f"{FORGED}, {CLIENT}") == CLIENT
        assert seen_as(server, x_forwarded_for=f"{FORGED}, {CLIENT}, 127.0.0.1") == CLIENT


def test_who_is_no_proxy_is_not_believed(tmp_path: Path) -> None:
    with serving(tmp_path, forwarded_allow_ips="192.0.2.1") as server:
        assert seen_as(server, x_forwarded_for=FORGED, x_forwarded_proto="https") == "127.0.0.1"
        answer = httpx.get(f"{server.url}/health", headers={"X-Forwarded-Proto": "https"})
        assert "strict-transport-security" not in answer.headers


def test_a_network_of_proxies_is_believed(tmp_path: Path) -> None:
    with serving(tmp_path, forwarded_allow_ips="10.1.0.0/16, 127.0.0.0/8") as server:
        assert seen_as(server, x_forwarded_for=f"{CLIENT}, 10.1.2.3") == CLIENT


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
def test_a_proxy_is_known_to_a_server_that_listens_on_both_families(tmp_path: Path) -> None:
    with serving(tmp_path, host="::", forwarded_allow_ips="127.0.0.1") as server:
        reached = RunningServer(f"http://127.0.0.1:{server.port}", server.process, server.data_dir, server.log)
        assert seen_as(reached, x_forwarded_for=CLIENT) == CLIENT


def test_wrong_keys_are_counted_for_the_client_behind_the_proxy(tmp_path: Path) -> None:
    """Else who guesses would lock out everybody, or, with an address of its own choice each time, nobody."""
    with serving(tmp_path, limit_logins="2/minute") as server:

        def guess(number: int, came_by: str) -> int:
            headers = {"X-API-Key": f"guess {number}", "X-Forwarded-For": came_by}
            return httpx.get(f"{server.url}/memories", headers=headers).status_code

        guesses = [guess(number, f"203.0.113.{number}, {CLIENT}") for number in range(4)]
        right = httpx.get(f"{server.url}/memories", headers={"X-API-Key": "k", "X-Forwarded-For": CLIENT})

        assert guesses == [401, 401, 429, 429]
        assert right.status_code == 429, "not even a right guess tells"
        assert guess(9, "198.51.100.8") == 401


def test_an_address_is_limited_whatever_keys_it_brings(tmp_path: Path) -> None:
    with serving(tmp_path, limit_address="3/minute") as server:

        def ask(came_by: str, **headers: str) -> int:
            return httpx.get(f"{server.url}/memories", headers={"X-Forwarded-For": came_by} | headers).status_code

        assert [ask(CLIENT), ask(CLIENT, authorization="Bearer k"), ask(CLIENT)] == [401, 200, 401]
        assert ask(CLIENT, authorization="Bearer k") == 429
        assert httpx.post(f"{server.url}/mcp", headers={"X-Forwarded-For": CLIENT}).status_code == 429
        assert httpx.get(f"{server.url}/health", headers={"X-Forwarded-For": CLIENT}).status_code == 200
        assert ask("198.51.100.8", authorization="Bearer k") == 200


def test_each_key_is_limited_by_itself_wherever_it_comes_from(tmp_path: Path) -> None:
    with serving(tmp_path, limit_reads="2/minute") as server:
        admin = {"X-API-Key": "k"}
        keys = [
            httpx.post(f"{server.url}/admin/keys", json={"name": name}, headers=admin).json()["key"]
            for name in ("one", "two")
        ]

        def ask(key: str, came_by: str) -> int:
            headers = {"X-API-Key": key, "X-Forwarded-For": came_by}
            return httpx.get(f"{server.url}/memories", headers=headers).status_code

        assert [ask(keys[0], f"198.51.100.{number}") for number in range(3)] == [200, 200, 429]
        assert [ask(keys[1], "198.51.100.0"), ask(keys[1], "198.51.100.0")] == [200, 200]


def test_a_server_without_keys_is_not_open_to_who_comes_by_a_proxy(tmp_path: Path) -> None:
    """On loopback it asks nobody who they are; a proxy in front makes that everybody."""
    with running_server(tmp_path / "data") as server:

        def ask(path: str, **headers: str) -> httpx.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return httpx.get(server.url + path, headers=named)

        from_outside = ask("/memories", x_forwarded_for=CLIENT)

        assert from_outside.status_code == 401
        assert "this server has no key, so it answers its own machine alone" in from_outside.json()["detail"]
        assert ask("/memories", x_forwarded_for=CLIENT, x_api_key="any").status_code == 401
        assert ask("/health", x_forwarded_for=CLIENT).status_code == 200
        assert ask("/memories").status_code == 200
        assert ask("/memories", x_forwarded_for="127.0.0.1").status_code == 200


@pytest.mark.parametrize("given", ["*", "127.0.0.1,*", "0.0.0.0/0", "::/0"])
def test_nobody_can_be_told_to_believe_everyone(given: str) -> None:
    with pytest.raises(InvalidError, match="every caller could then choose the address"):
        trusted_proxies(given)


def test_what_would_match_nothing_is_refused_and_said_how_to_mend() -> None:
    """uvicorn takes either for a name, which no address ever equals."""
    with pytest.raises(InvalidError, match="which is no address"):
        trusted_proxies("proxy.lan")
    with pytest.raises(InvalidError, match=r"that network is 10\.0\.0\.0/24"):
        trusted_proxies("10.0.0.1/24")


def test_none_is_a_choice() -> None:
    assert trusted_proxies(" , ") == []
