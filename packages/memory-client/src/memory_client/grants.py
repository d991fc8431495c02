"""What was approved on a server for connectors, over REST."""

from urllib.parse import quote

from memory_client.rest import NoSuchAddressError, Rest
from memory_core.errors import NotFoundError
from memory_core.grants import Grant, GrantList


class RemoteGrants:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def list(self) -> GrantList:
        """Raises NotFoundError for a server that lets no connectors in."""
        try:
            return await self._rest.call("GET", "/admin/grants", GrantList)
        except NoSuchAddressError as error:
            raise NotFoundError("this server lets no connectors in: MEMORY_PUBLIC_URL is not set there") from error

    async def revoke(self, grant_id: str) -> Grant:
        return await self._rest.call("POST", f"/admin/grants/{quote(grant_id, safe='')}/revoke", Grant)
