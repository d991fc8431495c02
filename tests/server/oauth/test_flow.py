"""A connector that can send no key comes in by OAuth: the whole way over real HTTP, and what its token then does."""

import asyncio
import contextlib
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from httpx2 import AsyncClient
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp.types import CallToolResult, TextContent
from pydantic import AnyUrl

from support.connectors import KEY, UNLIMITED, Connector, Page, bearer, code_in, oauth_server
from support.machines import Machine
from support.platforms import closed_to_others
from support.servers import RunningServer, running_server
from support.sockets import free_port


class Memory:
    """Where the SDK's client keeps what it is given."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Callback:
    """The small web server that a client on a desktop runs, to be sent the code."""

    def __init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.query = urlsplit(self.path).query
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"You can close this window.")

            def log_message(self, *_: object) -> None: ...

        self.query = ""
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callback"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    async def answer(self) -> AuthorizationCodeResult:
        given = {name: values[0] for name, values in parse_qs(self.query).items()}
        return AuthorizationCodeResult(code=given["code"], state=given["state"], iss=given["iss"])


def approve_in_a_browser(url: str) -> None:
    """What a person does: open the address, read, paste the key, press the button, and be sent to the client."""
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        page = browser.get(url)
        form = Page(browser, page).form.fields | {"key": KEY, "decision": "approve"}
        answer = browser.post(url.partition("?")[0], data=form)
    assert answer.text == "You can close this window."


def text_of(result: CallToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_the_sdks_own_client_registers_is_approved_and_calls_a_tool(public: RunningServer, era: str) -> None:
    kept = Memory()
    with Callback() as callback:
        auth = OAuthClientProvider(
            f"{public.url}/mcp",
            OAuthClientMetadata(client_name="The SDK", redirect_uris=[AnyUrl(callback.url)]),
            kept,
            redirect_handler=lambda url: asyncio.to_thread(approve_in_a_browser, url),
            callback_handler=callback.answer,
        )
        async with (
            AsyncClient(auth=auth, timeout=60) as http,
            Client(streamable_http_client(f"{public.url}/mcp", http_client=http), mode=era) as session,
        ):
            added = await session.call_tool("memory_add", {"content": f"The okapi of {era} sleeps standing"})
            found = await session.call_tool("memory_search", {"query": "okapi"})

    assert not added.is_error, text_of(added)
    assert f"The okapi of {era} sleeps standing" in text_of(found)
    assert kept.tokens is not None
    assert kept.tokens.scope == "memory:read memory:write"
    assert kept.tokens.expires_in == 3600


def test_a_client_without_a_token_is_told_where_to_ask_for_one(public: RunningServer, browser: httpx.Client) -> None:
    told = browser.post("/mcp", json={}).headers["www-authenticate"]

    assert told == (
        f'Bearer resource_metadata="{public.url}/.well-known/oauth-protected-resource/mcp", '
        'scope="memory:read memory:write"'
    )
    stale = browser.post("/mcp", json={}, headers=bearer("cmo_stale")).headers["www-authenticate"]
    assert stale.startswith('Bearer error="invalid_token", resource_metadata=')
    resource = browser.get("/.well-known/oauth-protected-resource/mcp").json()
    assert resource == browser.get("/.well-known/oauth-protected-resource").json()
    assert (resource["resource"], resource["authorization_servers"]) == (f"{public.url}/mcp", [public.url])
    server = browser.get("/.well-known/oauth-authorization-server").json()
    assert server["issuer"] == public.url
    assert server["code_challenge_methods_supported"] == ["S256"]
    assert server["token_endpoint_auth_methods_supported"] == ["none"]


def test_a_page_in_a_browser_may_ask_for_metadata_and_tokens_but_for_nothing_else(browser: httpx.Client) -> None:
    page = {"Origin": "https://inspector.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}

    metadata = browser.get("/.well-known/oauth-authorization-server", headers=page)
    preflight = browser.options("/token", headers=page | {"Access-Control-Request-Method": "POST"})
    wrong = browser.post("/token", data={"grant_type": "password", "client_id": "x"}, headers=page)
    approving = browser.post("/authorize", data={}, headers=page)
    reading = browser.get("/memories", headers=page | {"X-API-Key": KEY})

    assert (metadata.status_code, preflight.status_code, wrong.status_code) == (200, 204, 400)
    for answer in (metadata, preflight, wrong):
        assert answer.headers["access-control-allow-origin"] == "*"
    assert (approving.status_code, reading.status_code) == (403, 403)


def test_a_token_is_taken_by_rest_and_mcp_beside_the_static_key(browser: httpx.Client, connector: Connector) -> None:
    token = bearer(connector.connected(KEY)["access_token"])

    by_token = browser.post("/memories", json={"content": "Kept by a connector"}, headers=token)
    by_key = browser.get(f"/memories/{by_token.json()['id']}", headers={"X-API-Key": KEY})

    assert (by_token.status_code, by_key.status_code) == (201, 200)
    assert browser.get("/admin/grants", headers=token).status_code == 403
    assert browser.post("/trash/empty", json={}, headers=token).status_code == 403


def test_a_grant_to_read_cannot_keep_anything(browser: httpx.Client, connector: Connector) -> None:
    tokens = connector.connected(KEY, scope="read")

    assert tokens["scope"] == "memory:read"
    token = bearer(tokens["access_token"])
    assert browser.get("/memories", headers=token).status_code == 200
    refused = browser.post("/memories", json={"content": "Not to be kept"}, headers=token)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_who_asks_to_read_cannot_be_given_more(browser: httpx.Client, connector: Connector) -> None:
    connector.register()

    page = connector.open_page(scope="memory:read claudeai")
    assert "Read and write" not in page.answer.text
    redirect = page.approve(key=KEY, scope="write")
    tokens = connector.fetch_tokens(code_in(redirect)).json()

    assert tokens["scope"] == "memory:read"


def test_a_grant_for_one_project_shows_nothing_of_another(browser: httpx.Client, connector: Connector) -> None:
    secret = {"content": "The plover nests at the north gate", "project_id": "acme/secret"}
    hidden = browser.post("/memories", json=secret, headers={"X-API-Key": KEY}).json()["id"]
    known = {"content": "The plover is a bird", "project_id": "acme/site"}
    shown = browser.post("/memories", json=known, headers={"X-API-Key": KEY}).json()["id"]

    token = bearer(connector.connected(KEY, reach="some", projects="acme/site\n")["access_token"])

    assert browser.get(f"/memories/{shown}", headers=token).status_code == 200
    for answer in (
        browser.get(f"/memories/{hidden}", headers=token),
        browser.post("/memories/search", json={"query": "plover", "global_search": True}, headers=token),
        browser.get("/export", params={"format": "jsonl"}, headers=token),
        browser.get("/models", headers=token),
    ):
        assert "north gate" not in answer.text
        assert "acme/secret" not in answer.text
    asked = browser.get("/memories", params={"project_id": "acme/secret"}, headers=token)
    assert (asked.status_code, asked.json()["code"]) == (403, "forbidden")
    assert "it is limited to acme/site" in asked.json()["detail"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/admin/grants"), ("POST", "/admin/grants/x/revoke")])
def test_grants_are_for_admins(browser: httpx.Client, connector: Connector, method: str, path: str) -> None:
    token = bearer(connector.connected(KEY)["access_token"])

    assert browser.request(method, path).status_code == 401
    assert browser.request(method, path, headers=token).status_code == 403
    assert browser.request(method, path, headers={"X-API-Key": KEY}).status_code in (200, 404)


def test_a_grant_for_a_machine_speaks_for_no_other(browser: httpx.Client, connector: Connector) -> None:
    token = bearer(connector.connected(KEY, client_id="claude-ai")["access_token"])

    kept = browser.post("/memories", json={"content": "Said on the phone"}, headers=token)
    other = browser.post("/memories", json={"content": "No"}, headers=token | {"X-Client-ID": "laptop"})

    assert kept.json()["client_id"] == "claude-ai"
    assert other.status_code == 403


def test_an_admin_sees_each_grant_and_revokes_it_at_once(browser: httpx.Client, connector: Connector) -> None:
    tokens = connector.connected(KEY, name="phone", scope="read", reach="some", projects="acme/site")
    admin = {"X-API-Key": KEY}
    assert browser.get("/stats", headers=bearer(tokens["access_token"])).status_code != 401

    listed = browser.get("/admin/grants", headers=admin).json()["grants"][-1]
    revoked = browser.post(f"/admin/grants/{listed['id']}/revoke", headers=admin).json()

    assert (listed["kind"], listed["name"], listed["scope"], listed["projects"]) == (
        "oauth", "phone", "read", ["acme/site"],
    )  # fmt: skip
    assert (listed["client_name"], listed["sent_to"]) == ("A connector", connector.redirect_uri)
    assert listed["last_used_at"] is not None
    assert revoked["revoked_at"] is not None
    assert browser.get("/stats", headers=bearer(tokens["access_token"])).status_code == 401
    again = connector.refresh(tokens["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert browser.post("/admin/grants/none/revoke", headers=admin).status_code == 404


def test_who_approved_what_and_who_was_refused_is_in_the_audit_log(browser: httpx.Client, connector: Connector) -> None:
    connector.register()
    connector.open_page().approve(key="a guess")
    connector.approved(KEY, name="audited", scope="read", reach="some", projects="acme/site")

    done, refused = browser.get("/admin/audit?limit=2", headers={"X-API-Key": KEY}).json()["entries"]

    assert (done["action"], done["outcome"], done["status"]) == ("POST /authorize", "done", 303)
    assert done["target"] == {
        "name": "audited", "scope": "read", "projects": "acme/site", "sends_to": "connector.example",
    }  # fmt: skip
    assert done["key"]
    assert (refused["action"], refused["outcome"], refused["status"]) == ("POST /authorize", "refused", 401)
    assert "key" not in refused


def test_a_name_that_is_taken_gets_a_number(browser: httpx.Client, public: RunningServer) -> None:
    for _ in range(2):
        Connector(browser, public.url).connected(KEY, name="desk")

    names = [grant["name"] for grant in browser.get("/admin/grants", headers={"X-API-Key": KEY}).json()["grants"]]
    assert names[-2:] == ["desk", "desk-2"]


def test_what_a_connector_keeps_says_whose_it_is(browser: httpx.Client, connector: Connector) -> None:
    token = bearer(connector.connected(KEY, name="tablet")["access_token"])
    kept = browser.post("/memories", json={"content": "Said on the tablet"}, headers=token).json()["id"]

    history = browser.get(f"/memories/{kept}/history", headers={"X-API-Key": KEY})

    assert "oauth:tablet" in history.text


def test_a_restart_keeps_grants_and_tokens_and_another_address_takes_none_of_them(tmp_path: Path) -> None:
    port = free_port()
    with oauth_server(tmp_path / "data", port) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        connector = Connector(http, server.url)
        tokens = connector.connected(KEY)
        server.kill()

    with oauth_server(tmp_path / "data", port) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        assert http.get("/memories", headers=bearer(tokens["access_token"])).status_code == 200
        connector.http = http
        refreshed = connector.refresh(tokens["refresh_token"]).json()
        assert connector.open_page().answer.status_code == 200

    port = free_port()
    with oauth_server(tmp_path / "data", port) as moved, httpx.Client(base_url=moved.url, timeout=60) as http:
        connector.http = http
        assert http.get("/memories", headers=bearer(refreshed["access_token"])).status_code == 401
        assert connector.refresh(refreshed["refresh_token"], resource=None).status_code == 400


def test_no_key_code_or_token_is_in_a_log_or_in_the_file(tmp_path: Path) -> None:
    port = free_port()
    with oauth_server(tmp_path / "data", port) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        connector = Connector(http, server.url)
        connector.register()
        code = connector.approved(KEY)
        tokens = connector.fetch_tokens(code).json()
        http.get("/memories", headers=bearer(tokens["access_token"]))
        connector.open_page().approve(key="a wrong key, typed in haste")
        connector.refresh(tokens["refresh_token"])

    secret = [KEY, "typed in haste", code, tokens["access_token"], tokens["refresh_token"], connector.verifier]
    written = server.log_text().encode() + b"".join(
        path.read_bytes() for path in (tmp_path / "data").glob("access.sqlite*")
    )
    assert [text for text in secret if text.encode() in written] == []
    assert "oauth:a-connector" in server.log_text()
    assert closed_to_others(tmp_path / "data" / "access.sqlite")


def test_without_a_public_address_there_is_none_of_it(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "data", api_key=KEY, env=UNLIMITED) as server,
        httpx.Client(base_url=server.url, timeout=60) as http,
    ):
        for method, path in (
            ("GET", "/.well-known/oauth-protected-resource"),
            ("GET", "/.well-known/oauth-protected-resource/mcp"),
            ("GET", "/.well-known/oauth-authorization-server"),
            ("POST", "/register"),
            ("GET", "/authorize"),
            ("POST", "/token"),
            ("GET", "/admin/grants"),
        ):
            assert http.request(method, path).status_code == 401
            assert http.request(method, path, headers={"X-API-Key": KEY}).status_code in (404, 405)
        assert http.post("/mcp").headers["www-authenticate"] == 'Bearer realm="memory"'
    assert not (tmp_path / "data" / "access.sqlite").exists()


def test_an_earlier_token_of_a_file_means_nothing_once_oauth_is_off(tmp_path: Path) -> None:
    port = free_port()
    with oauth_server(tmp_path / "data", port) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        token = Connector(http, server.url).connected(KEY)["access_token"]

    with running_server(tmp_path / "data", api_key=KEY) as server:
        assert httpx.get(f"{server.url}/memories", headers=bearer(token)).status_code == 401
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "access.sqlite")) as file:
        assert file.execute("SELECT count(*) FROM oauth_grants").fetchone() == (1,)


def test_an_admin_key_of_any_name_approves_and_a_lesser_one_does_not(
    browser: httpx.Client, connector: Connector
) -> None:
    admin = {"X-API-Key": KEY}
    new = [{"name": "an-admin", "scope": "admin"}, {"name": "a-writer", "scope": "write"}]
    an_admin, a_writer = [browser.post("/admin/keys", json=key, headers=admin).json()["key"] for key in new]
    connector.register()
    page = connector.open_page()

    lesser = page.approve(key=a_writer)
    page.answer = lesser
    said = page.form.alert
    connector.fetch_tokens(code_in(page.approve(key=an_admin)))

    assert (lesser.status_code, said) == (403, "Only an admin key approves, and this one may do less.")
    grant = browser.get("/admin/grants", headers=admin).json()["grants"][-1]
    assert grant["approved_by"] == "an-admin"


def test_grants_are_listed_and_revoked_from_a_shell(
    tmp_path: Path, public: RunningServer, browser: httpx.Client, connector: Connector
) -> None:
    tokens = connector.connected(KEY, name="shell", scope="read", reach="some", projects="acme/site")
    machine = Machine(tmp_path / "home", MEMORY_SERVER=public.url, MEMORY_API_KEY=KEY)

    listed = machine.run("grants", "list")
    revoked = machine.run("grants", "revoke", "shell")
    again = machine.run("grants", "revoke", "shell")

    line = next(line for line in listed.out.splitlines() if "  shell " in line)
    assert "“A connector”" in line
    assert "read, project acme/site" in line
    assert "never used" in line
    assert revoked.out == "Revoked shell (A connector)\n"
    assert browser.get("/memories", headers=bearer(tokens["access_token"])).status_code == 401
    assert (again.code, again.err) == (
        3,
        "claude-memory: there is no grant 'shell'; `claude-memory grants list` shows them\n",
    )


def test_a_server_that_lets_no_connectors_in_says_so(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", api_key=KEY) as server:
        machine = Machine(tmp_path / "home", MEMORY_SERVER=server.url, MEMORY_API_KEY=KEY)
        answer = machine.run("grants", "list")

    assert answer.code == 3
    assert "this server lets no connectors in: MEMORY_PUBLIC_URL is not set there" in answer.err
