"""MEMORY_PUBLIC_URL: what it may be, and what it brings."""

from pathlib import Path

import pytest

from memory_core.errors import InvalidError
from memory_server.oauth.public import public_url
from memory_server.settings import ServerSettings
from support.apps import MakeApp
from support.connectors import KEY
from support.servers import ServerDidNotStartError, start_server


@pytest.mark.parametrize(
    ("text", "issuer"),
    [
        ("https://memory.example.org", "https://memory.example.org"),
        ("https://Memory.Example.org/", "https://memory.example.org"),
        ("https://memory.example.org:443", "https://memory.example.org"),
        ("https://memory.example.org:8443", "https://memory.example.org:8443"),
        ("http://localhost:8420", "http://localhost:8420"),
        ("http://127.0.0.1:8420/", "http://127.0.0.1:8420"),
        ("http://[::1]:8420", "http://[::1]:8420"),
    ],
)
def test_it_is_a_host_by_https_or_loopback(text: str, issuer: str) -> None:
    assert public_url(text).issuer == issuer


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://memory.example.org", "anyone on the way could read the tokens"),
        ("http://192.168.1.5:8420", "anyone on the way could read the tokens"),
        ("memory.example.org", "no address that begins with https://"),
        ("ftp://memory.example.org", "no address that begins with https://"),
        ("https://", "no address that begins with https://"),
        ("https://memory.example.org:99999", "is no address"),
        ("https://memory.example.org/memories", "has more than a host and a port"),
        ("https://memory.example.org?x=1", "has more than a host and a port"),
        ("https://user@memory.example.org", "has more than a host and a port"),
    ],
)
def test_anything_else_is_refused_with_an_example(text: str, why: str) -> None:
    with pytest.raises(InvalidError, match=why) as refused:
        ServerSettings(public_url=text)

    assert "such as https://memory.example.org" in str(refused.value)


@pytest.mark.parametrize(
    ("resource", "is_ours"),
    [
        ("https://memory.example.org/mcp", True),
        ("https://memory.example.org/mcp/", True),
        ("HTTPS://Memory.Example.org/mcp", True),
        ("https://memory.example.org", False),
        ("https://memory.example.org/mcp/other", False),
        ("https://memory.example.org/mcp?x", False),
        ("https://memory.example.org/mcp#x", False),
        ("https://memory.example.org.evil.example/mcp", False),
        ("http://memory.example.org/mcp", False),
        ("https://[", False),
    ],
)
def test_tokens_are_for_one_resource(resource: str, is_ours: bool) -> None:
    assert public_url("https://memory.example.org").is_resource(resource) is is_ours


def test_a_server_that_wants_no_key_cannot_let_connectors_in(tmp_path: Path) -> None:
    with pytest.raises(ServerDidNotStartError, match="there is no key: set MEMORY_API_KEY") as refused:
        start_server(tmp_path / "data", env={"MEMORY_PUBLIC_URL": "https://memory.example.org"})

    assert refused.value.code == 2


async def test_its_own_page_is_taken_for_its_own_whatever_host_a_proxy_passes_on(make_app: MakeApp) -> None:
    http = await make_app(api_key=KEY, public_url="https://memory.example.org")

    own = await http.post("/authorize", headers={"Origin": "https://memory.example.org"})
    foreign = await http.post("/authorize", headers={"Origin": "https://memory.example.org.evil.example"})

    assert (own.status_code, foreign.status_code) == (415, 403)


async def test_the_server_answers_to_its_public_name_beside_those_that_are_set(make_app: MakeApp) -> None:
    http = await make_app(
        api_key=KEY, public_url="https://memory.example.org", allowed_hosts=("nas.lan",), limit_reads="off"
    )
    path = "/.well-known/oauth-protected-resource"

    answers = {
        host: (await http.get(path, headers={"Host": host})).status_code
        for host in ("memory.example.org", "nas.lan", "evil.example")
    }

    assert answers == {"memory.example.org": 200, "nas.lan": 200, "evil.example": 421}
