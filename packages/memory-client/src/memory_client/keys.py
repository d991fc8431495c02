"""The keys of a server, over REST."""

from urllib.parse import quote

from memory_client.rest import Rest, query_params
from memory_core.keys import IssuedKey, Key, KeyList, NewKey, OwnKey, Rotation


class RemoteKeys:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def own(self) -> OwnKey:
        """What the key of this client may do."""
        return await self._rest.call("GET", "/key", OwnKey)

    async def create(self, new: NewKey) -> IssuedKey:
        """Raises ConflictError for a name that is, or was, another key's."""
        return await self._rest.call("POST", "/admin/keys", IssuedKey, body=new)

    async def list(self) -> KeyList:
        return await self._rest.call("GET", "/admin/keys", KeyList)

    async def revoke(self, name: str) -> Key:
        """Raises ConflictError for the last one that may administer the server."""
        return await self._rest.call("POST", f"{_place(name)}/revoke", Key)

    async def rotate(self, name: str, rotation: Rotation | None = None) -> IssuedKey:
        params = query_params(rotation or Rotation())
        return await self._rest.call("POST", f"{_place(name)}/rotate", IssuedKey, params=params)


def _place(name: str) -> str:
    return f"/admin/keys/{quote(name, safe='')}"
