"""What every command is given: the options before it, the server they lead to, the project, and where words go."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from memory_cli.handover import Place
from memory_cli.output import Output
from memory_client.errors import SettingError
from memory_client.target import Target, resolve_target
from memory_core.errors import InvalidError
from memory_core.project import Project

if TYPE_CHECKING:
    from memory_client.sdk import MemoryClient


class Session:
    """One run of the command. The options go before the environment, which is passed in."""

    def __init__(self, environ: Mapping[str, str], place: Place, *, as_json: bool = False) -> None:
        self.environ = environ
        self.place = place
        self.out = Output(as_json=as_json)

    @cached_property
    def target(self) -> Target:
        place, environ, server = self.place, self.environ, self.place.server
        if place.data_dir is not None:
            environ = {**environ, "MEMORY_DATA_DIR": place.data_dir}
            # A data directory is a place on this machine: who names one does not mean a server elsewhere.
            server = server or "local"
        try:
            return resolve_target(environ, server=server, project=place.project)
        except SettingError as error:
            raise InvalidError(str(error)) from error

    @property
    def project(self) -> Project | None:
        return self.target.project

    @property
    def project_id(self) -> str | None:
        return None if self.project is None else self.project.id

    @property
    def names_project(self) -> bool:
        """The project was named (`-p`), not found by looking where we are."""
        return self.place.project is not None

    @asynccontextmanager
    async def memories(self) -> "AsyncIterator[MemoryClient]":
        from memory_client.sdk import MemoryClient  # httpx costs a start 100 ms: only for commands that ask a server

        async with await MemoryClient.connect(self.target) as client:
            yield client
