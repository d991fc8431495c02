"""What every command is given: the options before it, the server they lead to, the project, and where words go."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from memory_cli.handover import Place
from memory_cli.output import Output
from memory_client import __version__
from memory_client.delivery import Courier, Flushed
from memory_client.errors import OutboxError, SettingError
from memory_client.target import Target, resolve_target, working_directory
from memory_core.counting import counted
from memory_core.errors import InvalidError
from memory_core.project import Project, Verdict, examine

if TYPE_CHECKING:
    from memory_client.local import Endpoint
    from memory_client.sdk import MemoryClient


_TIME_FOR_OTHERS_S = 10.0  # how long a command may deliver what was kept before it


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

    @cached_property
    def verdict(self) -> Verdict:
        """Which project this is, and what speaks for it."""
        named, by = self.place.project, "-p"
        if named is None:
            named, by = self.environ.get("MEMORY_PROJECT"), "MEMORY_PROJECT"
        return examine(working_directory(self.environ), named, self.environ, named_by=by)

    @property
    def names_project(self) -> bool:
        """The project was named (`-p`), not found by looking where we are."""
        return self.place.project is not None

    @cached_property
    def courier(self) -> Courier:
        """For what earlier commands could not deliver to this server."""
        return Courier(self.target, version=__version__, tell=self._tell)

    @asynccontextmanager
    async def memories(
        self, running: "Endpoint | None" = None, *, keeping: bool = False
    ) -> "AsyncIterator[MemoryClient]":
        """A client of the target's server, the local one started if need be; or of the server that is `running`.

        What waits for that server is delivered first. With `keeping`, writes raise QueuedError while it is away.
        """
        _leave_out_the_command_of_httpx()
        from memory_client.sdk import MemoryClient  # httpx costs a start 100 ms: only for commands that ask a server

        if running is not None:
            opened = MemoryClient(running.url, key=running.key, client_id=self.target.client_id)
        else:
            opened = await MemoryClient.connect(self.target, courier=self.courier if keeping else None)
        async with opened as client:
            if running is None and not keeping:
                await asyncio.to_thread(self._deliver_what_waits)
            yield client

    def _deliver_what_waits(self) -> None:
        try:
            self.courier.flush(within_s=_TIME_FOR_OTHERS_S)
        except OutboxError as error:
            self.out.note(str(error))

    def _tell(self, flushed: Flushed) -> None:
        if flushed.delivered:
            self.out.note(f"delivered {writes(len(flushed.delivered))} kept on this machine")
        if flushed.refused:
            self.courier.outbox.news()
            self.out.note(
                f"the server refused {writes(len(flushed.refused))} kept on this machine; see claude-memory outbox list"
            )


def writes(count: int) -> str:
    return counted(count, "write")


def _leave_out_the_command_of_httpx() -> None:
    """httpx loads click, rich and pygments for a command of its own where it finds them: 130 ms that we never use.

    A module that is None cannot be imported, which httpx takes for "not installed".
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
