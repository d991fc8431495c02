"""The verbs of `MemoryClient` about projects: which there are, their other names, and what moves between them."""

from urllib.parse import quote

from memory_client.rest import LONG_TIMEOUT_S, Rest
from memory_client.writing import Writing, said
from memory_core.changes import ANYONE, By
from memory_core.projects import MoveQuery, MoveReport, NewAlias, ProjectInfo, ProjectList, ProjectMerge


class Naming:
    """See `Memories`. None of it is kept for later: it means the store as it is at this moment."""

    def __init__(self, rest: Rest, writing: Writing) -> None:
        self._rest = rest
        self._writing = writing

    async def projects(self) -> ProjectList:
        return await self._rest.call("GET", "/projects", ProjectList)

    async def alias(self, new: NewAlias, *, by: By = ANYONE) -> ProjectInfo:
        return await self._writing.now("POST", "/projects/aliases", ProjectInfo, body=new, headers=said(by))

    async def unalias(self, alias: str, *, by: By = ANYONE) -> ProjectInfo:
        path = f"/projects/aliases/{quote(alias, safe='')}"
        return await self._writing.now("DELETE", path, ProjectInfo, headers=said(by))

    async def merge_projects(self, asked: ProjectMerge, *, by: By = ANYONE) -> MoveReport:
        return await self._moved("/projects/merge", asked, by)

    async def move(self, query: MoveQuery, *, by: By = ANYONE) -> MoveReport:
        return await self._moved("/memories/move", query, by)

    async def _moved(self, path: str, asked: ProjectMerge | MoveQuery, by: By) -> MoveReport:
        headers = said(by)
        return await self._writing.now("POST", path, MoveReport, body=asked, headers=headers, timeout_s=LONG_TIMEOUT_S)
