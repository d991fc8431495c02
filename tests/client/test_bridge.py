"""memory-client against a real server: both protocol eras, who asks, concurrency, garbage, the end of input."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.bridges import MODERN, Bridge, bridge, machine, text_of
from support.servers import RunningServer, running_server
from support.sockets import Proxy, listening, make_authority, tls_front

KEY = "k" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    limits = {"MEMORY_LIMIT_WRITES": "off", "MEMORY_LIMIT_READS": "off"}
    with running_server(tmp_path_factory.mktemp("server") / "data", api_key=KEY, env=limits) as started:
        yield started


@pytest.fixture
def environ(server: RunningServer, tmp_path: Path) -> dict[str, str]:
    return machine(
        tmp_path / "home",
        MEMORY_SERVER=server.url,
        MEMORY_API_KEY=KEY,
        MEMORY_CLIENT_ID="laptop",
        MEMORY_PROJECT="tool",
    )


@pytest.fixture
def client(environ: dict[str, str]) -> Iterator[Bridge]:
    with bridge(environ) as started:
        yield started


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_session_of_the_era_of_initialize(client: Bridge, version: str) -> None:
    hello = client.initialize(version)
    assert hello["result"]["protocolVersion"] == version

    tools = client.request("tools/list")["result"]["tools"]
    assert "memory_search" in {tool["name"] for tool in tools}

    client.call("memory_add", content=f"Kept in {version}: we deploy on Fridays")
    assert f"Kept in {version}" in text_of(client.call("memory_search", query=f"deploy {version}"))


def test_a_session_of_the_era_without_initialize(client: Bridge) -> None:
    hello = client.request("server/discover", {"_meta": MODERN})
    assert "2026-07-28" in hello["result"]["supportedVersions"]

    kept = client.call_modern("memory_add", content="The modern era knows no handshake")
    found = client.call_modern("memory_search", query="handshake")

    assert kept["result"]["resultType"] == "complete"
    assert "knows no handshake" in text_of(found["result"])


def test_prompts_and_the_resource_pass_in_both_eras(client: Bridge) -> None:
    """The bridge knows neither."""
    client.initialize()
    client.call("memory_add", content="The okapi hides at noon")
    recall = {"name": "recall", "arguments": {"query": "okapi"}}
    own, named, none = ({"uri": f"memory://context{rest}"} for rest in ("", "/tool", "/n%C3%B6body"))

    for meta in ({}, {"_meta": MODERN}):
        prompts = client.request("prompts/list", meta)["result"]["prompts"]
        assert [prompt["name"] for prompt in prompts] == ["remember", "recall"]
        prompt = client.request("prompts/get", recall | meta)["result"]["messages"][0]["content"]["text"]
        listed = client.request("resources/list", meta)["result"]["resources"]
        assert [one["uri"] for one in listed] == ["memory://context"]
        assert client.request("resources/templates/list", meta)["result"]["resourceTemplates"]
        texts = [client.request("resources/read", uri | meta)["result"]["contents"][0]["text"] for uri in (own, named)]
        assert all("The okapi hides at noon" in text for text in (prompt, *texts))
        refused = client.request("resources/read", none | meta)["error"]
        assert (refused["code"], refused["data"]) == (-32602 if meta else -32002, none)


def test_the_server_learns_who_asks_and_for_which_project(
    environ: dict[str, str], server: RunningServer, tmp_path: Path
) -> None:
    environ |= {"MEMORY_CLIENT_ID": "Zoë’s laptop", "MEMORY_PROJECT": "Grüße/tool"}
    with bridge(environ) as client:
        client.initialize()
        client.call("memory_add", content="Who said this, and where?")

    answer = httpx.get(f"{server.url}/memories", params={"limit": 1}, headers={"X-API-Key": KEY})
    kept = answer.json()["memories"][0]
    assert (kept["client_id"], kept["project_id"]) == ("Zoë’s laptop", "Grüße/tool")


def test_an_error_of_a_tool_passes_as_it_is(client: Bridge) -> None:
    client.initialize()
    result = client.call("memory_search", tag="x")

    assert result["isError"] is True
    assert "tag" in text_of(result)


def test_an_unknown_method_is_the_servers_to_refuse(client: Bridge) -> None:
    client.initialize()
    assert client.request("no/such/method")["error"]["code"] == -32601


def test_many_requests_at_once_each_get_their_own_reply(client: Bridge) -> None:
    client.initialize()
    asked = {client.ask("tools/call", {"name": f"no_tool_{n}", "arguments": {}}): n for n in range(60)}

    for one, number in asked.items():
        assert f"no_tool_{number}" in str(client.reply_to(one))
    assert client.stray == []


def test_garbage_is_answered_and_the_bridge_goes_on(client: Bridge) -> None:
    client.initialize()
    for line in (b"{", b"\xff\xff", b"", b"   ", b"[]", b"1", b'{"jsonrpc":"2.0"}', b"x" * 100_000):
        client.send(line)
    errors = [client.reply_to(None)["error"]["code"] for _ in range(6)]

    assert errors == [-32700, -32700, -32600, -32600, -32600, -32700]
    assert client.request("tools/list")["result"]["tools"]


def test_a_call_that_is_too_large_for_the_server_is_told_to_the_model(client: Bridge) -> None:
    client.initialize()
    result = client.call("memory_add", content="x" * 3_000_000)

    assert result["isError"] is True
    assert "size" in text_of(result) or "large" in text_of(result)
    assert client.call("memory_stats")["isError"] is False


def test_what_is_in_flight_at_the_end_of_input_is_answered_first(client: Bridge) -> None:
    client.initialize()
    asked = [client.ask("tools/call", {"name": "memory_stats", "arguments": {}}) for _ in range(5)]

    assert client.close() == 0
    assert {reply.get("id") for reply in client.stray} >= set(asked)


def test_input_that_ends_at_once_ends_the_bridge(client: Bridge) -> None:
    assert client.close() == 0
    assert (client.stray, client.log) == ([], [])


def test_ids_may_be_texts(client: Bridge) -> None:
    client.initialize()
    client.send({"jsonrpc": "2.0", "id": "ü-1", "method": "tools/list"})
    assert client.reply_to("ü-1")["result"]["tools"]


def test_a_wrong_key_is_said_at_once_and_to_the_model(environ: dict[str, str]) -> None:
    with bridge(environ | {"MEMORY_API_KEY": "wrong"}) as client:
        assert "MEMORY_API_KEY" in client.initialize()["error"]["message"]
        result = client.call("memory_search", query="x")

    assert result["isError"] is True
    assert "does not accept the key; set MEMORY_API_KEY" in text_of(result)


def test_a_path_that_is_no_server_is_said(environ: dict[str, str], server: RunningServer) -> None:
    with bridge(environ | {"MEMORY_SERVER": f"{server.url}/elsewhere"}) as client:
        client.initialize()
        assert "check MEMORY_SERVER" in text_of(client.call("memory_stats"))


def test_a_server_behind_a_proxy_and_tls(environ: dict[str, str], server: RunningServer, tmp_path: Path) -> None:
    authority, certificate, key = make_authority(tmp_path)
    proxy = Proxy()
    with listening(tls_front(certificate, key, server.port)) as port, listening(proxy.serve) as via:
        environ |= {
            "MEMORY_SERVER": f"https://memory.test:{port}",
            "SSL_CERT_FILE": str(authority),
            "HTTPS_PROXY": f"http://127.0.0.1:{via}",
        }
        with bridge(environ) as client:
            client.initialize()
            assert client.call("memory_stats")["isError"] is False

    assert f"CONNECT memory.test:{port}" in proxy.asked


def test_an_unknown_authority_is_said_to_the_model(
    environ: dict[str, str], server: RunningServer, tmp_path: Path
) -> None:
    _, certificate, key = make_authority(tmp_path)
    with (
        listening(tls_front(certificate, key, server.port)) as port,
        bridge(environ | {"MEMORY_SERVER": f"https://localhost:{port}"}) as client,
    ):
        client.initialize()
        assert "is not trusted" in text_of(client.call("memory_stats"))


def test_a_server_at_an_ipv6_address(tmp_path: Path) -> None:
    try:
        with listening(lambda _: None, host="::1"):
            pass
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with running_server(tmp_path / "data", api_key=KEY, args=["--host", "::1"]) as server:
        environ = machine(tmp_path / "home", MEMORY_SERVER=server.url, MEMORY_API_KEY=KEY)
        with bridge(environ) as client:
            client.initialize()
            assert client.call("memory_stats")["isError"] is False
