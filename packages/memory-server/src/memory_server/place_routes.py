"""Directories in place of projects: the header X-Project-Dir, and the routes about what is known of them."""

from fastapi import Request, Response
from msgspec import structs
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from memory_core.engine.names import Names
from memory_core.engine.reach.reach import Reach
from memory_core.errors import ForbiddenError, InvalidError
from memory_core.places import NewPlace, Place, PlaceList, PlaceQuery
from memory_server.access import Level, Principal
from memory_server.auth import DIRECTORY, Placed, caller_of, directory_of
from memory_server.decoding import read_query, read_struct
from memory_server.places import Places, absolute
from memory_server.routes import Route, encoded


class PlaceMiddleware:
    """A request that names its directory, and no project, takes the project of that place on its machine.

    One that is unknown, or beyond the reach of the key, leaves the project unset.
    """

    def __init__(self, app: ASGIApp, *, places: Places, names: Names) -> None:
        self.app = app
        self._places = places
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _names_directory(Headers(scope=scope)):
            request = Request(scope)
            if request.state.principal.level is not Level.OPEN:
                scope["state"]["placed"] = await self._placed(request)
        await self.app(scope, receive, send)

    async def _placed(self, request: Request) -> Placed:
        place = await self._places.of(caller_of(request).claims.client_id, directory_of(request.headers) or "")
        if place is None or not _reaches(request, self._names, place.project_id):
            return Placed(project_id=None)
        return Placed(project_id=place.project_id)


class PlaceRoutes:
    def __init__(self, places: Places, names: Names, *, max_body_bytes: int) -> None:
        self._places = places
        self._names = names
        self._max_body_bytes = max_body_bytes

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/places", needs=Level.READ, tag="projects", query=PlaceQuery, returns=PlaceList,
                  summary="Directories of the caller's machine, and their projects", handler=self.places,
                  errors=(503,)),
            Route(method="POST", path="/places", needs=Level.WRITE, tag="projects", body=NewPlace, returns=Place,
                  summary="Say which project a directory of the caller's machine is", handler=self.register,
                  errors=(503, 507)),
        ]  # fmt: skip

    async def places(self, request: Request) -> Response:
        query, client = read_query(request, PlaceQuery), caller_of(request).claims.client_id
        if query.directory is None:
            found = await self._places.all(client)
        else:
            nearest = await self._places.of(client, query.directory)
            found = [] if nearest is None else [nearest]
        shown = [place for place in found if _reaches(request, self._names, place.project_id)]
        places = tuple(self._within(request, place) for place in shown)
        return encoded(PlaceList(places=places, count=len(places)))

    async def register(self, request: Request) -> Response:
        new = await read_struct(request, NewPlace, max_bytes=self._max_body_bytes)
        claims = caller_of(request).claims
        project_id = new.project_id or claims.project_id
        if project_id is None:
            raise InvalidError("project_id is missing; name the project of the directory, there or in X-Project-ID")
        if absolute(new.directory) is None:
            raise InvalidError(f"{new.directory} is no absolute path; name the directory from its root")
        if not _reaches(request, self._names, project_id):
            raise ForbiddenError(f"your key does not reach project {project_id}")
        place = await self._places.seen(claims.client_id, new.directory, project_id)
        assert place is not None  # noqa: S101 - the path is absolute
        return encoded(self._within(request, place))

    def _within(self, request: Request, place: Place) -> Place:
        """Without what it was before, where that is beyond the reach of the key."""
        before = place.former_project_id
        if before is None or _reaches(request, self._names, before):
            return place
        return structs.replace(place, former_project_id=None, former_until=None)


def _names_directory(headers: Headers) -> bool:
    return DIRECTORY in headers and not headers.get("x-project-id", "").strip()


def _reaches(request: Request, names: Names, project_id: str) -> bool:
    """Whether the key of a request reaches that project, by whatever name."""
    principal: Principal = request.state.principal
    return principal.projects is None or Reach(principal.projects, names).holds(project_id)
