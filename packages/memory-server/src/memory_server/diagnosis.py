"""The routes by which `claude-memory doctor` learns what the server knows of itself, and has it put in order."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from msgspec import Struct, structs

from memory_core.diagnosis import Diagnosis, Doctor, RepairReport
from memory_server.access import Level
from memory_server.decoding import read_query
from memory_server.routes import Route, encoded


class Examining(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `integrity` everything in the store is read."""

    integrity: bool = False


class DiagnosisRoutes:
    """`sessions` says what is wrong with their journal; null for nothing."""

    def __init__(self, doctor: Doctor, sessions: Callable[[], Awaitable[str | None]]) -> None:
        self._doctor = doctor
        self._sessions = sessions

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/admin/diagnosis", needs=Level.ADMIN,
                  summary="What the server knows of its own state", handler=self.diagnose, tag="upkeep",
                  query=Examining, returns=Diagnosis),
            Route(method="POST", path="/admin/repair", needs=Level.ADMIN,
                  summary="Put in order what can be without losing anything", handler=self.repair, tag="upkeep",
                  returns=RepairReport, errors=(409, 500, 507)),
        ]  # fmt: skip

    async def diagnose(self, request: Request) -> Response:
        found = await self._doctor.diagnose(integrity=read_query(request, Examining).integrity)
        return encoded(structs.replace(found, sessions=await self._sessions()))

    async def repair(self) -> Response:
        return encoded(await self._doctor.repair())
