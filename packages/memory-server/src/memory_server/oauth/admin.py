"""The routes by which admins see grants and revoke them."""

import asyncio
from typing import Annotated

import fastapi
from fastapi import Response

from memory_core.grants import Grant, GrantList
from memory_server.access import Level
from memory_server.oauth.grants import Grants
from memory_server.routes import Route, encoded

GrantId = Annotated[str, fastapi.Path(description="As GET /admin/grants shows it")]


class GrantRoutes:
    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/admin/grants", needs=Level.ADMIN,
                  summary="What was approved for connectors, the oldest first", handler=self.list_grants, tag="keys",
                  returns=GrantList),
            Route(method="POST", path="/admin/grants/{grant_id}/revoke", needs=Level.ADMIN,
                  summary="Let a connector in no more, from its next request on", handler=self.revoke_grant,
                  tag="keys", returns=Grant, errors=(404,)),
        ]  # fmt: skip

    async def list_grants(self) -> Response:
        found = await asyncio.to_thread(self._grants.list)
        return encoded(GrantList(grants=found, count=len(found)))

    async def revoke_grant(self, grant_id: GrantId) -> Response:
        return encoded(await asyncio.to_thread(self._grants.revoke, grant_id))
