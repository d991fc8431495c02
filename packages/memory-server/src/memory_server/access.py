"""Who may do what: what each address asks of a key, and what the key of a caller allows.

Every route names the level it needs, and so does every tool. An application with an address that names none does not
start, so that a route which somebody forgot to think about is never open.
"""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import IntEnum
from typing import Protocol

from msgspec import Struct
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from memory_core.errors import ForbiddenError
from memory_core.keys import Key, KeyScope


class Level(IntEnum):
    OPEN = 0  # anyone, without a key
    READ = 1
    WRITE = 2
    ADMIN = 3


LEVELS = {KeyScope.READ: Level.READ, KeyScope.WRITE: Level.WRITE, KeyScope.ADMIN: Level.ADMIN}
_MAY = {Level.READ: "read", Level.WRITE: "write", Level.ADMIN: "administer"}


class Principal(Struct, frozen=True, kw_only=True):
    """Who is calling, as far as its key proves it.

    `limited_as` is what its requests are counted under; `key_hint` stands in logs and in the history, and tells nothing
    of the key. `projects` are those it reaches ("" for memories of no project), null for all; with `client_id`, it
    speaks for that machine alone. `max_memories` and `max_bytes` are what it may keep; null for what the settings say.
    What was sent works until `expires_at`; `replaced` if another was issued in its place.
    """

    limited_as: str
    key_hint: str | None = None
    level: Level = Level.OPEN
    projects: tuple[str, ...] | None = None
    client_id: str | None = None
    max_memories: int | None = None
    max_bytes: int | None = None
    expires_at: datetime | None = None
    replaced: bool = False

    @property
    def sees_all(self) -> bool:
        return self.level >= Level.READ and self.projects is None

    def require(self, needs: Level, *, whole: bool = False) -> None:
        """Raise ForbiddenError unless this principal may; `whole` is for what shows more than some projects."""
        if self.level < needs:
            raise ForbiddenError(f"this needs a key that may {_MAY[needs]}, which yours may not")
        if whole and self.projects is not None:
            raise ForbiddenError("this is for keys of all projects, and yours is limited to some")


def principal_of(key: Key) -> Principal:
    """Whoever sent the first of its secrets."""
    sent = key.secrets[0] if key.secrets else None
    ends = [end for end in (key.expires_at, sent.ends_at if sent else None) if end is not None]
    return Principal(
        limited_as=f"key {key.name}",
        key_hint=key.name,
        level=LEVELS[key.scope],
        projects=key.projects,
        client_id=key.client_id,
        max_memories=key.max_memories,
        max_bytes=key.max_bytes,
        expires_at=min(ends, default=None),
        replaced=sent is not None and sent.ends_at is not None,
    )


class Keyring(Protocol):
    """The keys that a server takes."""

    @property
    def is_open(self) -> bool:
        """There is no key: everyone who reaches the server may do everything."""
        ...

    def principal(self, key: str) -> Principal | None:
        """Whose key that is; null for one that is unknown, revoked or over."""
        ...


class Door(Struct, frozen=True, kw_only=True):
    """An address. `whole`: not for keys that are limited to projects. Without methods it takes any."""

    pattern: re.Pattern[str]
    methods: frozenset[str]
    needs: Level
    whole: bool


class Doors:
    """What every address of an application needs."""

    def __init__(self) -> None:
        self._doors: list[Door] = []
        self._paths: set[tuple[str, frozenset[str]]] = set()

    def add(self, path: str, methods: Collection[str], needs: Level, *, whole: bool = False) -> None:
        named = frozenset(methods)
        pattern, _, _ = compile_path(path)
        self._doors.append(Door(pattern=pattern, methods=named, needs=needs, whole=whole))
        self._paths.add((path, named))

    def check(self, routes: Iterable[BaseRoute]) -> None:
        """Raise RuntimeError where a route is no door: a fault of the program."""
        for route in routes:
            path, methods = getattr(route, "path", None), frozenset(getattr(route, "methods", None) or ())
            if path is None or (path, methods) not in self._paths:
                raise RuntimeError(f"the route {path or route} says nobody what it needs: add it to the doors")

    def of(self, method: str, path: str) -> Door | None:
        """As in the router, the first that fits counts; null where there is no such address."""
        for door in self._doors:
            if (not door.methods or method in door.methods) and door.pattern.match(path):
                return door
        return None

    def is_open(self, method: str, path: str) -> bool:
        door = self.of(method, path)
        return door is not None and door.needs is Level.OPEN


class AccessMiddleware:
    """Lets pass who may, after who it is was found out and counted."""

    def __init__(self, app: ASGIApp, *, doors: Doors) -> None:
        self.app = app
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            door = self._doors.of(scope["method"], scope["path"])
            if door is not None:  # else there is nothing behind it, and the router says so
                scope["state"]["principal"].require(door.needs, whole=door.whole)
        await self.app(scope, receive, send)
