"""The routes by which admins make keys and take them back, and by which everyone learns what their own may do."""

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated

import fastapi
from fastapi import Request, Response
from msgspec import Struct

from memory_core.errors import ConflictError
from memory_core.keys import IssuedKey, Key, KeyList, KeyScope, NewKey, OwnKey, Rotation
from memory_server.access import LEVELS, Level, Principal
from memory_server.decoding import read_query, read_struct
from memory_server.keyring import Keys
from memory_server.routes import Route, encoded

if TYPE_CHECKING:
    from memory_server.key_store import KeyStore

log = logging.getLogger(__name__)

Name = Annotated[str, fastapi.Path(description="As GET /admin/keys shows it")]
_SCOPES = {level: scope for scope, level in LEVELS.items()}


class KeyRoutes:
    def __init__(self, keys: Keys, *, max_body_bytes: int) -> None:
        self._keys = keys
        self._max_body_bytes = max_body_bytes

    def routes(self) -> list[Route]:
        one = "/admin/keys/{name}"
        return [
            Route(method="GET", path="/key", needs=Level.READ, summary="What your own key may do", handler=self.own_key,
                  tag="keys", returns=OwnKey),
            Route(method="POST", path="/admin/keys", needs=Level.ADMIN,
                  summary="Make a key, which is shown in this answer and never again", handler=self.create_key,
                  tag="keys", body=NewKey, returns=IssuedKey, status=201, errors=(409, 507)),
            Route(method="GET", path="/admin/keys", needs=Level.ADMIN,
                  summary="Every key there is or was, and when it was last used", handler=self.list_keys, tag="keys",
                  returns=KeyList),
            Route(method="POST", path=one + "/revoke", needs=Level.ADMIN, summary="Let a key end now, and for good",
                  handler=self.revoke_key, tag="keys", returns=Key, errors=(404, 409, 507)),
            Route(method="POST", path=one + "/rotate", needs=Level.ADMIN,
                  summary="Issue a key anew; the one before works for a while yet", handler=self.rotate_key, tag="keys",
                  query=Rotation, returns=IssuedKey, errors=(404, 409, 507)),
        ]  # fmt: skip

    async def own_key(self, request: Request) -> Response:
        return encoded(_own(request.state.principal, self._keys))

    async def create_key(self, request: Request) -> Response:
        new = await read_struct(request, NewKey, max_bytes=self._max_body_bytes)
        made = await asyncio.to_thread(self._store.create, new, spare_admins=not self._keys.has_bootstrap)
        _log(request, made, "made")
        return _secret(made, status=201)

    async def list_keys(self) -> Response:
        store = self._store
        await self._keys.note_used()
        return encoded(await asyncio.to_thread(store.list))

    async def revoke_key(self, name: Name, request: Request) -> Response:
        await self._keys.note_used()  # its last use, while there is something to note it at
        revoked = await asyncio.to_thread(self._store.revoke, name, spare_admins=not self._keys.has_bootstrap)
        _log(request, revoked, "revoked")
        return encoded(revoked)

    async def rotate_key(self, name: Name, request: Request) -> Response:
        rotated = await asyncio.to_thread(self._store.rotate, name, read_query(request, Rotation))
        _log(request, rotated, "rotated")
        return _secret(rotated)

    @property
    def _store(self) -> "KeyStore":
        if self._keys.store is None:
            raise ConflictError(
                "this machine's own server has one key, which it makes at each start; keys are for a server that other "
                "machines reach"
            )
        return self._keys.store


def _own(principal: Principal, keys: Keys) -> OwnKey:
    return OwnKey(
        at=keys.now(),
        name=principal.key_hint,
        scope=_SCOPES.get(principal.level, KeyScope.READ),
        projects=principal.projects,
        client_id=principal.client_id,
        expires_at=principal.expires_at,
        replaced=principal.replaced,
        max_memories=principal.max_memories,
        max_bytes=principal.max_bytes,
    )


def _secret(value: Struct, *, status: int = 200) -> Response:
    answer = encoded(value, status=status)
    answer.headers["cache-control"] = "no-store"
    return answer


def _log(request: Request, key: Key, done: str) -> None:
    principal: Principal = request.state.principal
    log.info("the key %s was %s, by %s", key.name, done, principal.key_hint or "someone without a key")
