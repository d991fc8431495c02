"""Commands about servers: status, stop; and those that become another program."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from memory_cli import handover
from memory_cli.commands.outbox import counts, counts_text
from memory_cli.options import Here
from memory_cli.render import table
from memory_cli.session import Session
from memory_cli.store_words import embedding_text, reranker_text
from memory_client import __version__
from memory_client.errors import ClientError
from memory_core.errors import InvalidError, MemoryServiceError, NotFoundError, UnavailableError
from memory_core.key_words import reach
from memory_core.keys import OwnKey
from memory_core.types import Health, Scope, Stats

if TYPE_CHECKING:
    from memory_client.sdk import MemoryClient


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    local: bool
    client_version: str
    health: Health
    stats: Stats
    key: OwnKey | None = None
    pid: int | None = None
    data_dir: str | None = None
    waiting: int = 0
    refused: int = 0


async def status(*, session: Here) -> None:
    """Show the server in use: where it is, its version, its model, what is pending. Starts nothing."""
    target = session.target
    waiting, refused = counts(session)
    try:
        report = await (_remote_status(session) if target.url is not None else _local_status(session))
    except MemoryServiceError:
        if waiting or refused:
            session.out.note(f"outbox: {counts_text(waiting, refused)}; see claude-memory outbox list")
        raise
    waiting, refused = counts(session)
    report = msgspec.structs.replace(report, waiting=waiting, refused=refused)
    rows = {
        "server": report.url,
        "pid": "" if report.pid is None else str(report.pid),
        "data": report.data_dir or "",
        "status": report.health.status,
        "version": _versions(report.health.version),
        "key": "" if report.key is None or report.key.name is None else f"{report.key.name}: {reach(report.key)}",
        "embeddings": embedding_text(report.health.embedding),
        "reranker": reranker_text(report.health.reranker),
        "memories": f"{report.stats.total_memories:,}",
        "outbox": counts_text(waiting, refused),
        "project": session.project_id or "none here",
        "client": target.client_id,
    }
    session.out.give(report, table(rows))


async def _remote_status(session: Session) -> StatusReport:
    async with session.memories() as memories:
        return StatusReport(
            url=memories.url,
            local=False,
            client_version=__version__,
            health=await memories.health(),
            stats=await memories.stats(Scope(global_search=True)),
            key=await _own_key(memories),
        )


async def _own_key(memories: "MemoryClient") -> OwnKey | None:
    """Null where a server is too old to say."""
    try:
        return await memories.keys.own()
    except UnavailableError:
        return None


async def _local_status(session: Session) -> StatusReport:
    from memory_client import local

    data_dir = session.target.data_dir
    try:
        found = await asyncio.to_thread(local.find, data_dir)
    except ClientError as error:
        raise UnavailableError(str(error)) from error
    if found is None:
        raise NotFoundError(f"no server is running for {data_dir}; the next command that needs one starts it")
    async with session.memories(running=found) as memories:
        return StatusReport(
            url=memories.url,
            local=True,
            client_version=__version__,
            health=await memories.health(),
            stats=await memories.stats(Scope(global_search=True)),
            pid=found.pid,
            data_dir=data_dir,
        )


def _versions(of_server: str) -> str:
    return of_server if of_server == __version__ else f"{of_server}, while this command is {__version__}"


async def stop(*, session: Here) -> None:
    """Stop the local server. It finishes what it has acknowledged; the next command starts it again."""
    from memory_client import local

    target = session.target
    if target.url is not None:
        raise InvalidError(f"{target.url} is no server of this machine's own; stop it where it runs")
    try:
        stopped = await asyncio.to_thread(local.stop, target.data_dir)
    except ClientError as error:
        raise UnavailableError(str(error)) from error
    session.out.say("Stopped the local server" if stopped else f"No server is running for {target.data_dir}")


def serve(*, session: Here) -> int:
    """Be an MCP server on standard input and output, with the memories of this machine."""
    return handover.bridge("serve", session.place, session.environ)


def client(*, session: Here) -> int:
    """Be an MCP server on standard input and output, with the memories of MEMORY_SERVER (or localhost:8420)."""
    return handover.bridge("client", session.place, session.environ)


def server(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True, help="See `memory-server --help`.")], session: Here
) -> int:
    """Run memory-server, for several machines: --host, --port, --data-dir and its other options."""
    return handover.server(arguments, session.place)
