"""Composition of all of it: what the application adds, in three places, if MEMORY_PUBLIC_URL is set."""

import time
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Route as AsgiRoute

from memory_core.errors import InvalidError
from memory_server.access import Doors, Keyring, Level
from memory_server.audit import Auditor
from memory_server.limits import Limits
from memory_server.oauth.admin import GrantRoutes
from memory_server.oauth.approval import Approval
from memory_server.oauth.clients import Clients
from memory_server.oauth.edge import ChallengeMiddleware, OpenToPagesMiddleware
from memory_server.oauth.endpoints import Endpoints
from memory_server.oauth.grants import Grants
from memory_server.oauth.keyring import First, GrantKeyring
from memory_server.oauth.public import public_url
from memory_server.oauth.tables import Tables
from memory_server.routes import Route

_RESOURCE = "/.well-known/oauth-protected-resource"
_SERVER = "/.well-known/oauth-authorization-server"
_FOR_PAGES = (_RESOURCE, f"{_RESOURCE}/mcp", _SERVER, "/register", "/token", "/revoke")


class Authority:
    """`keyring` is what the server takes as keys: those of people, and the tokens of connectors."""

    def __init__(
        self,
        url: str,
        keys: Keyring,
        limits: Limits,
        auditor: Auditor,
        *,
        folder: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if keys.is_open:
            raise InvalidError(
                "MEMORY_PUBLIC_URL lets connectors in that an admin key approves, and there is no key: set "
                "MEMORY_API_KEY, or make one with `memory-server keys create NAME --scope admin`"
            )
        self.public = public_url(url)
        tables = Tables(folder)
        clients = Clients(tables, clock)
        self._grants = Grants(tables, clock, resource=self.public.resource)
        self._approval = Approval(
            clients, self._grants, public=self.public, keyring=keys, limits=limits, auditor=auditor
        )
        self._endpoints = Endpoints(clients, self._grants, public=self.public)
        self.keyring = First(GrantKeyring(self._grants), keys)

    def admin_routes(self) -> list[Route]:
        return GrantRoutes(self._grants).routes()

    def add_routes(self, app: FastAPI, doors: Doors) -> None:
        """Open to everyone: what they give away is asked for by code, token or admin key."""
        for method, path, handler in (
            ("GET", _RESOURCE, self._endpoints.resource),
            ("GET", f"{_RESOURCE}/mcp", self._endpoints.resource),
            ("GET", _SERVER, self._endpoints.server),
            ("POST", "/register", self._endpoints.register),
            ("GET", "/authorize", self._approval.show),
            ("POST", "/authorize", self._approval.answer),
            ("POST", "/token", self._endpoints.token),
            ("POST", "/revoke", self._endpoints.revoke),
        ):
            route = AsgiRoute(path, handler, methods=[method])
            app.router.routes.append(route)
            doors.add(path, route.methods or (), Level.OPEN)

    def add_inner(self, app: FastAPI) -> None:
        app.add_middleware(ChallengeMiddleware, public=self.public)

    def add_outer(self, app: FastAPI) -> None:
        app.add_middleware(OpenToPagesMiddleware, paths=_FOR_PAGES)

    def close(self) -> None:
        self._grants.close()
