"""What programs ask: the metadata of resource and server, registration, tokens and revocation.

Answers are JSON in the words of OAuth, never problems, because clients read those; and none is to be stored.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from memory_core.keys import KeyScope
from memory_server.decoding import media_type, read_body
from memory_server.oauth.approval import FORM
from memory_server.oauth.asking import SCOPES, fields_of, scope_text
from memory_server.oauth.clients import Clients
from memory_server.oauth.errors import OAuthError
from memory_server.oauth.grants import Grants, Tokens
from memory_server.oauth.public import PublicUrl

MAX_BODY_BYTES = 16 * 1024
GRANT_TYPES = ("authorization_code", "refresh_token")
_NOT_STORED = {"cache-control": "no-store", "pragma": "no-cache"}


class Endpoints:
    def __init__(self, clients: Clients, grants: Grants, *, public: PublicUrl) -> None:
        self._clients = clients
        self._grants = grants
        self._public = public

    async def resource(self, _: Request) -> Response:
        """RFC 9728."""
        return _json(
            {
                "resource": self._public.resource,
                "authorization_servers": [self._public.issuer],
                "scopes_supported": SCOPES,
                "bearer_methods_supported": ["header"],
                "resource_name": "memory-server",
            }
        )

    async def server(self, _: Request) -> Response:
        """RFC 8414. Not offered as OpenID configuration, which this is none of; clients of MCP read both."""
        issuer = self._public.issuer
        return _json(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "registration_endpoint": f"{issuer}/register",
                "revocation_endpoint": f"{issuer}/revoke",
                "scopes_supported": SCOPES,
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": GRANT_TYPES,
                "token_endpoint_auth_methods_supported": ["none"],
                "revocation_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def register(self, request: Request) -> Response:
        """RFC 7591. What a client wanted otherwise is replaced by what there is (3.2.1)."""
        body = await read_body(request, max_bytes=MAX_BODY_BYTES)
        try:
            client = await asyncio.to_thread(self._clients.register, body)
        except OAuthError as error:
            return _failed(error)
        return _json(
            {
                "client_id": client.client_id,
                "client_id_issued_at": int(client.created_at),
                "client_name": client.name,
                "redirect_uris": client.redirect_uris,
                "grant_types": GRANT_TYPES,
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
                "scope": scope_text(KeyScope.WRITE),
            },
            status=201,
        )

    async def token(self, request: Request) -> Response:
        try:
            return _json(msgspec.to_builtins(await self._tokens(await _form(request))))
        except OAuthError as error:
            return _failed(error)

    async def _tokens(self, form: Mapping[str, str]) -> Tokens:
        client_id, kind = _needed(form, "client_id"), _needed(form, "grant_type")
        if "resource" in form and not self._public.is_resource(form["resource"]):
            raise OAuthError("invalid_target", f"tokens of this server are for {self._public.resource}")
        if kind == "authorization_code":
            return await asyncio.to_thread(
                self._grants.redeem,
                _needed(form, "code"),
                client_id=client_id,
                redirect_uri=form.get("redirect_uri"),
                verifier=_needed(form, "code_verifier"),
            )
        if kind == "refresh_token":
            token = _needed(form, "refresh_token")
            return await asyncio.to_thread(self._grants.refresh, token, client_id=client_id, scope=form.get("scope"))
        raise OAuthError("unsupported_grant_type", f"grant_type is {' or '.join(GRANT_TYPES)}")

    async def revoke(self, request: Request) -> Response:
        """RFC 7009: also an unknown token is answered with 200."""
        try:
            form = await _form(request)
            token, client_id = _needed(form, "token"), _needed(form, "client_id")
        except OAuthError as error:
            return _failed(error)
        await asyncio.to_thread(self._grants.revoke_token, token, client_id=client_id)
        return Response(status_code=200, headers=_NOT_STORED)


async def _form(request: Request) -> dict[str, str]:
    if media_type(request) != FORM:
        raise OAuthError("invalid_request", f"send {FORM}")
    return fields_of((await read_body(request, max_bytes=MAX_BODY_BYTES)).decode("latin-1"))


def _needed(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise OAuthError("invalid_request", f"{name} is missing")
    return form[name]


def _failed(error: OAuthError) -> Response:
    # Never invalid_client with 401: no client has a secret, and an unknown client has no code and no token either.
    return _json({"error": error.error, "error_description": str(error)}, status=400)


def _json(value: Any, *, status: int = 200) -> Response:  # whatever JSON there is
    return Response(msgspec.json.encode(value), status, dict(_NOT_STORED), "application/json")
