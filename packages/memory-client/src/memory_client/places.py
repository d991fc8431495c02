"""The places of this machine that a server knows, over REST."""

from memory_client.rest import Rest, query_params
from memory_core.places import NewPlace, Place, PlaceList, PlaceQuery


class RemotePlaces:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def list(self, query: PlaceQuery | None = None) -> PlaceList:
        return await self._rest.call("GET", "/places", PlaceList, params=query_params(query or PlaceQuery()))

    async def register(self, new: NewPlace) -> Place:
        """From now on an agent that names that directory, and no project, works on this one."""
        return await self._rest.call("POST", "/places", Place, body=new)
