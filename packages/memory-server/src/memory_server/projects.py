"""The routes about projects: which there are, under which names, and what moves from one to another."""

from collections.abc import Callable
from typing import Annotated

import fastapi
from fastapi import Request, Response
from msgspec import UNSET

from memory_core.memories import Memories
from memory_core.projects import MoveQuery, MoveReport, NewAlias, ProjectInfo, ProjectList, ProjectMerge
from memory_server.access import Level
from memory_server.auth import caller_of
from memory_server.claims import scoped
from memory_server.decoding import read_struct
from memory_server.routes import Route, encoded

Alias = Annotated[str, fastapi.Path(description="The name, percent-encoded; slashes may stand as they are")]


class ProjectRoutes:
    """`memories` is the product as far as the key of a request reaches."""

    def __init__(self, memories: Callable[[Request], Memories], *, max_body_bytes: int) -> None:
        self._memories = memories
        self._max_body_bytes = max_body_bytes

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/projects", needs=Level.READ, summary="Every project, and what there is of it",
                  handler=self.projects, tag="projects", returns=ProjectList),
            Route(method="POST", path="/projects/aliases", needs=Level.WRITE, whole=True,
                  summary="Let another name mean a project", handler=self.alias, tag="projects", body=NewAlias,
                  returns=ProjectInfo, changes=True, errors=(409, 507), audited=True),
            Route(method="DELETE", path="/projects/aliases/{alias:path}", needs=Level.WRITE, whole=True,
                  summary="Let a name mean itself again", handler=self.unalias, tag="projects", returns=ProjectInfo,
                  changes=True, errors=(404, 507)),
            Route(method="POST", path="/projects/merge", needs=Level.WRITE, whole=True,
                  summary="Move all of a project to another, or rename it; a dry run by default",
                  handler=self.merge_projects, tag="projects", body=ProjectMerge, returns=MoveReport, changes=True,
                  errors=(409, 507), audited=True),
            Route(method="POST", path="/memories/move", needs=Level.WRITE,
                  summary="Give all that fit another project; a dry run by default", handler=self.move, tag="projects",
                  body=MoveQuery, returns=MoveReport, changes=True, errors=(404, 409, 507), audited=True),
        ]  # fmt: skip

    async def projects(self, request: Request) -> Response:
        return encoded(await self._memories(request).projects())

    async def alias(self, request: Request) -> Response:
        new = await read_struct(request, NewAlias, max_bytes=self._max_body_bytes)
        return encoded(await self._memories(request).alias(new, by=caller_of(request).by))

    async def unalias(self, alias: Alias, request: Request) -> Response:
        return encoded(await self._memories(request).unalias(alias, by=caller_of(request).by))

    async def merge_projects(self, request: Request) -> Response:
        asked = await read_struct(request, ProjectMerge, max_bytes=self._max_body_bytes)
        return encoded(await self._memories(request).merge_projects(asked, by=caller_of(request).by))

    async def move(self, request: Request) -> Response:
        """Which project the caller is in says nothing where it names memories."""
        query = await read_struct(request, MoveQuery, max_bytes=self._max_body_bytes)
        caller = caller_of(request)
        if not (query.memory_ids and query.project_id is UNSET):
            query = scoped(query, caller.claims)
        return encoded(await self._memories(request).move(query, by=caller.by))
