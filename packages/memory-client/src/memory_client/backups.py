"""`Backups` of a server, over REST. A server takes minutes for a large store, and answers when it is done."""

from memory_client.rest import LONG_TIMEOUT_S, Rest
from memory_core.backups import Backup, BackupList
from memory_core.errors import NotFoundError


class RemoteBackups:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def create(self, *, verify: bool = True) -> Backup:
        params = [("verify", "true" if verify else "false")]
        return await self._rest.call("POST", "/admin/backup", Backup, params=params, timeout_s=LONG_TIMEOUT_S)

    async def list(self) -> BackupList:
        return await self._rest.call("GET", "/admin/backups", BackupList)

    async def verify(self, name: str) -> Backup:
        if not name.replace(".", "").isalnum() or not name.isascii():  # in a URL it would name another thing
            raise NotFoundError(f"{name!r} is no name of a backup; `list` shows them")
        return await self._rest.call("POST", f"/admin/backups/{name}/verify", Backup, timeout_s=LONG_TIMEOUT_S)
