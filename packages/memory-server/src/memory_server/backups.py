"""The routes that make backups and look after them. Restoring is no route: it wants the server stopped."""

from typing import Annotated

import fastapi
from fastapi import Request, Response
from msgspec import Struct

from memory_core.backups import Backup, BackupList, Backups
from memory_server.access import Level
from memory_server.decoding import read_query
from memory_server.routes import Route, encoded

Name = Annotated[str, fastapi.Path(description="As GET /admin/backups shows it")]


class Making(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    verify: bool = True


class BackupRoutes:
    def __init__(self, backups: Backups) -> None:
        self._backups = backups

    def routes(self) -> list[Route]:
        return [
            Route(method="POST", path="/admin/backup", needs=Level.ADMIN,
                  summary="Make a backup, verify it, let the oldest go", handler=self.create_backup, tag="backups",
                  query=Making, returns=Backup, status=201, errors=(409, 500, 507)),
            Route(method="GET", path="/admin/backups", needs=Level.ADMIN, summary="The backups there are, oldest first",
                  handler=self.list_backups, tag="backups", returns=BackupList),
            Route(method="POST", path="/admin/backups/{name}/verify", needs=Level.ADMIN,
                  summary="Restore a backup on trial and compare", handler=self.verify_backup, tag="backups",
                  returns=Backup, errors=(404, 409, 507)),
        ]  # fmt: skip

    async def create_backup(self, request: Request) -> Response:
        return encoded(await self._backups.create(verify=read_query(request, Making).verify), status=201)

    async def list_backups(self) -> Response:
        return encoded(await self._backups.list())

    async def verify_backup(self, name: Name) -> Response:
        return encoded(await self._backups.verify(name))
