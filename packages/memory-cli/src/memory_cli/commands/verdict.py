"""Which project this is, and why: `claude-memory project`, and `project explain` with what a server makes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from msgspec import structs

from memory_cli import project_text
from memory_cli.options import Here
from memory_cli.project_text import Formerly, Looked, OnServer, ProjectExplanation, ProjectReport
from memory_cli.session import Session
from memory_client.errors import ClientError
from memory_client.target import working_directory
from memory_core.errors import MemoryServiceError, NotFoundError, UnavailableError
from memory_core.places import Place, PlaceQuery
from memory_core.projects import ProjectList, of_name

if TYPE_CHECKING:
    from memory_client.sdk import MemoryClient


async def show(*, session: Here) -> None:
    """Show which project this is, and how that is known. Asks no server."""
    report = project_text.report_of(session.verdict)
    if report.project_id is None:
        text = f"No project: {report.why}"
    else:
        text = f"{report.project_id}\n  {report.why}" if session.out.is_terminal else report.project_id
    session.out.give(report, text)
    if not session.out.as_json:
        for remark in project_text.remarks_of(report):
            session.out.note(remark)


async def explain(*, session: Here) -> None:
    """Show every step to the verdict, and what the server makes of it. Starts no server."""
    report = project_text.report_of(session.verdict)
    steps = [Looked(looked_at=step.looked_at, found=step.found) for step in session.verdict.steps]
    if not session.names_project:
        steps.insert(0, Looked(looked_at="-p", found="not given"))
    server, notice = None, None
    try:
        async with _running(session) as store:
            server = await _on_server(session, store, report)
    except MemoryServiceError as error:
        notice = f"nothing is known of its memories: {error}"
    found = ProjectExplanation(**structs.asdict(report), steps=tuple(steps), server=server, notice=notice)
    session.out.give(found, project_text.explained(found))


@asynccontextmanager
async def _running(session: Session) -> "AsyncIterator[MemoryClient]":
    """The server of the target; the local one only where it runs already."""
    endpoint = None
    if session.target.url is None:
        from memory_client import local

        try:
            endpoint = await asyncio.to_thread(local.find, session.target.data_dir)
        except ClientError as error:
            raise UnavailableError(str(error)) from error
        if endpoint is None:
            raise NotFoundError("no server is running here; the next command that needs one starts it")
    async with session.memories(running=endpoint) as store:
        yield store


async def _on_server(session: Session, store: "MemoryClient", report: ProjectReport) -> OnServer:
    listed, key = await store.projects(), await store.keys.own()
    info = of_name(listed, report.project_id)
    means = info.project_id if info is not None else report.project_id or ""
    known = await _place(session, store)
    return OnServer(
        url=store.url,
        means=means,
        memories=0 if info is None else info.memories,
        aliases=() if info is None else info.aliases,
        reachable=key.projects is None or not means or means in key.projects,
        key=key,
        known_since=None if known is None else known.first_seen_at,
        formerly=None if known is None or report.kind == "named" else _formerly(known, means, listed),
        same_commit=_same_commit(listed, means),
    )


async def _place(session: Session, store: "MemoryClient") -> Place | None:
    """This directory as the server knows it."""
    directory = working_directory(session.environ)
    found = (await store.places.list(PlaceQuery(directory=directory))).places
    return next((one for one in found if one.directory == directory), None)


def _formerly(known: Place, means: str, listed: ProjectList) -> Formerly | None:
    """Of a directory that no session has begun in since it changed, the server knows only what it was."""
    name, until = known.former_project_id, known.former_until
    if (now := of_name(listed, known.project_id)) is not None and now.project_id != means:
        name, until = known.project_id, known.last_seen_at
    before = of_name(listed, name)
    if before is None or until is None or before.project_id == means or not before.memories:
        return None
    return Formerly(project_id=before.project_id, until=until, memories=before.memories)


def _same_commit(listed: ProjectList, project_id: str) -> tuple[str, ...]:
    commit = project_id.rpartition("@")[2]
    if commit == project_id:
        return ()
    return tuple(
        one.project_id
        for one in listed.projects
        if one.project_id.endswith(f"@{commit}") and one.project_id != project_id and one.memories
    )
