"""A connector and the person at the browser, for tests of OAuth: every step a request of its own, each to be spoiled.

connector = Connector(http, server_url)
connector.register()
page = connector.open_page()                # the person at the browser
code = connector.code_from(page.approve(key=KEY))
tokens = connector.fetch_tokens(code).json()
"""

import base64
import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from support.servers import RunningServer, running_server

KEY = "the key of these tests"
UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}
CALLBACK = "https://connector.example/callback"


@contextlib.contextmanager
def oauth_server(folder: Path, port: int) -> Iterator[RunningServer]:
    """A server that was told its public address, which here is its own on loopback."""
    env = UNLIMITED | {"MEMORY_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with running_server(folder, api_key=KEY, env=env, args=["--port", str(port)]) as running:
        yield running


class Form(HTMLParser):
    """The fields of the one form of a page as a browser would send them, and the text that a person reads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.alert = ""
        self._alerting = False
        self._within: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._alerting = given.get("role") == "alert"
        name, kind = given.get("name"), given.get("type") or tag
        if name is None or tag not in ("input", "textarea"):
            return
        self.kinds[name] = kind
        if kind not in ("radio", "checkbox") or "checked" in given:
            self.fields[name] = given.get("value") or ""
        self._within = name if tag == "textarea" else None

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - named by the parser
        self._within = None
        self._alerting = False

    def handle_data(self, data: str) -> None:
        if self._alerting:
            self.alert += data
        if self._within is not None:
            self.fields[self._within] += data


@dataclass
class Page:
    http: httpx.Client
    answer: httpx.Response

    @property
    def form(self) -> Form:
        return Form(self.answer.text)

    def approve(self, *, key: str, headers: dict[str, str] | None = None, **choices: str) -> httpx.Response:
        return self.send(headers=headers, decision="approve", key=key, **choices)

    def send(self, *, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        return self.http.post("/authorize", data={**self.form.fields, **fields}, headers=headers)


@dataclass
class Connector:
    http: httpx.Client
    url: str
    redirect_uri: str = CALLBACK
    client_id: str = ""
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def register(self, **metadata: object) -> httpx.Response:
        wanted = {"client_name": "A connector", "redirect_uris": [self.redirect_uri], **metadata}
        answer = self.http.post("/register", json=wanted)
        self.client_id = answer.json().get("client_id", "")
        return answer

    def request(self, **changes: str | None) -> dict[str, str]:
        """The query of /authorize; null takes a field away."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        fields = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "memory:read memory:write",
            "state": "a state",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "resource": f"{self.url}/mcp",
        }
        return {name: value for name, value in {**fields, **changes}.items() if value is not None}

    def open_page(self, **changes: str | None) -> Page:
        return Page(self.http, self.http.get("/authorize", params=self.request(**changes)))

    def approved(self, key: str, *, asking: dict[str, str | None] | None = None, **choices: str) -> str:
        """The code, after a person has approved."""
        return code_in(self.open_page(**(asking or {})).approve(key=key, **choices))

    def fetch_tokens(self, code: str, /, **changes: str | None) -> httpx.Response:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            "resource": f"{self.url}/mcp",
        }
        return self._token(fields | changes)

    def refresh(self, token: str, /, **changes: str | None) -> httpx.Response:
        return self._token(
            {"grant_type": "refresh_token", "refresh_token": token, "client_id": self.client_id} | changes
        )

    def revoke(self, token: str) -> httpx.Response:
        return self.http.post("/revoke", data={"token": token, "client_id": self.client_id})

    def connected(self, key: str, **choices: str) -> dict[str, Any]:
        """Tokens, from the first step to the last."""
        self.register()
        tokens: dict[str, Any] = self.fetch_tokens(self.approved(key, **choices)).json()
        return tokens

    def _token(self, fields: dict[str, str | None]) -> httpx.Response:
        return self.http.post("/token", data={name: value for name, value in fields.items() if value is not None})


def answer_in(response: httpx.Response) -> dict[str, str]:
    """What a redirect tells the client."""
    assert response.status_code == 303, response.text
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}


def code_in(response: httpx.Response) -> str:
    return answer_in(response)["code"]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
