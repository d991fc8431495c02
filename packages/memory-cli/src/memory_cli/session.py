"""What every command is given: the options before it, the server they lead to, the project, and where words go."""

import sys
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
    from memory_client.local import Endpoint
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
    async def memories(self, running: "Endpoint | None" = None) -> "AsyncIterator[MemoryClient]":
        """A client of the target's server, the local one started if need be; or of the server that is `running`."""
        _leave_out_the_command_of_httpx()
        from memory_client.sdk import MemoryClient  # httpx costs a start 100 ms: only for commands that ask a server

        if running is None:
            opened = await MemoryClient.connect(self.target)
        else:
            opened = MemoryClient(running.url, key=running.key, client_id=self.target.client_id)
        async with opened as client:
            yield client


def _leave_out_the_command_of_httpx() -> None:
    """httpx loads click, rich and pygments for a command of its own where it finds them: 130 ms that we never use.

    A module that is None cannot be imported, which httpx takes for "not installed".
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
