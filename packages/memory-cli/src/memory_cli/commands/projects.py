"""Commands about projects: which there are, their names, and how memories come from one to another."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter
from msgspec import UNSET, structs

from memory_cli import project_text
from memory_cli.commands import verdict
from memory_cli.options import NO_FILTERS, Filters, Here, Id, Reason, Yes, because, flag
from memory_cli.output import DeclinedError
from memory_cli.render import one_line, place
from memory_cli.session import Session
from memory_client.target import working_directory
from memory_core.counting import memories
from memory_core.errors import InvalidError
from memory_core.places import NewPlace
from memory_core.projects import MoveQuery, MoveReport, NewAlias, ProjectList, ProjectMerge, of_name

if TYPE_CHECKING:
    from memory_client.sdk import MemoryClient

project = App(
    name="project",
    help="Show which project this is; list projects, rename and merge them, and move memories between them.",
    help_epilogue="",
    group_commands=Group("Commands"),
)

Name = Annotated[str, Parameter(help="An id of a project, or its short name, as `list` shows them.")]


project.default(verdict.show)
project.command(verdict.show)
project.command(verdict.explain)


@project.command(name="list")
async def list_(*, session: Here) -> None:
    """Show every project with its memories and its other names; a star marks the one of this directory."""
    async with session.memories() as store:
        found = await store.projects()
    session.out.give(found, project_text.listed(found, session.project_id))


@project.command
async def rename(
    old: Name,
    new: Annotated[str, Parameter(help="Its new id.")],
    /,
    *,
    yes: Yes = False,
    reason: Reason = None,
    session: Here,
) -> None:
    """Give a project another id. All its memories go along, and whoever says the old one means it still."""
    async with session.memories() as store:
        listed = await store.projects()
        target = of_name(listed, new)
        if target is not None and target.memories and new not in (of_name(listed, old) or target).aliases:
            raise InvalidError(
                f"there is a project {new} already, with {memories(target.memories)}; to make one of both: "
                f"claude-memory project merge {old} {new}"
            )
        await _merge(session, store, listed, _meant(listed, old), new, yes=yes, reason=reason)


@project.command
async def merge(source: Name, target: Name, /, *, yes: Yes = False, reason: Reason = None, session: Here) -> None:
    """Make one project of two: the memories of the first become those of the second, whose other name it is then."""
    async with session.memories() as store:
        listed = await store.projects()
        await _merge(session, store, listed, _meant(listed, source), _meant(listed, target), yes=yes, reason=reason)


async def _merge(
    session: Session,
    store: "MemoryClient",
    listed: ProjectList,
    source: str,
    target: str,
    *,
    yes: bool,
    reason: str | None,
) -> None:
    asked = ProjectMerge(source=source, target=target)
    report = await store.merge_projects(asked)
    would = project_text.would_move(report, f"of project {one_line(source)}", place(target))
    would += f", and {one_line(source)} another name for it"
    if _agreed(session, report, would, yes=yes):
        report = await store.merge_projects(structs.replace(asked, dry_run=False), by=because(reason))
        session.out.give(report, project_text.moved(report, place(target)))
        parts = [one.project_id for one in listed.projects if one.project_id.startswith(f"{source}//")]
        if parts and not session.out.as_json:
            session.out.note(f"parts of it are projects of their own, and stay what they are: {', '.join(parts)}")


@project.command
async def alias(
    name: Annotated[str, Parameter(name="ALIAS", help="The other name. No memory is of a project of this name.")],
    project_id: Annotated[str, Parameter(name="PROJECT", help="What it is to mean: an id, or a short name.")],
    /,
    *,
    reason: Reason = None,
    session: Here,
) -> None:
    """Let another name mean a project, from now on and on every machine."""
    async with session.memories() as store:
        meant = _meant(await store.projects(), project_id)
        info = await store.alias(NewAlias(alias=name, project_id=meant), by=because(reason))
    session.out.give(
        info,
        f"{name} means {place(info.project_id)} from now on; `claude-memory project unalias {name}` takes that back",
    )


@project.command
async def unalias(
    name: Annotated[str, Parameter(name="ALIAS", help="The other name, as `list` shows it.")],
    /,
    *,
    reason: Reason = None,
    session: Here,
) -> None:
    """Let a name mean itself again. What was kept under it stays where it is."""
    async with session.memories() as store:
        info = await store.unalias(name, by=because(reason))
    session.out.give(
        info,
        f"{name} means itself again; what was kept under it stays in {place(info.project_id)}. "
        f"`claude-memory project alias {name} {info.project_id}` takes that back",
    )


@project.command
async def move(
    *memory_ids: Id,
    to: Annotated[str | None, Parameter(help="The project they go to: an id, or a short name.")] = None,
    to_none: Annotated[bool, flag("They go to no project: they are of every one.")] = False,
    source: Annotated[str | None, Parameter(name="--from", help="Those of this project, not of the one here.")] = None,
    containing: Annotated[str | None, Parameter(help="Only what contains this text.")] = None,
    filters: Filters = NO_FILTERS,
    yes: Yes = False,
    reason: Reason = None,
    session: Here,
) -> None:
    """Move memories to another project: those named, or all that fit. Shows them first."""
    if (to is None) != to_none:
        raise InvalidError("name where they go: --to PROJECT, or --to-none for no project")
    _require_filter(session, memory_ids, filters, source=source, containing=containing)
    async with session.memories() as store:
        listed = await store.projects()
        target = None if to is None else _meant(listed, to)
        scope = filters.scope(session)
        if memory_ids:
            scope |= {"project_id": UNSET, "global_search": True}
        elif source is not None:
            scope |= {"project_id": _meant(listed, source), "global_search": False}
        query = MoveQuery(to=target, memory_ids=memory_ids, content_contains=containing, **scope)
        report = await store.move(query)
        if not report.matched:
            session.out.give(report, "Nothing fits; nothing to move")
        elif _agreed(session, report, project_text.would_move(report, "", place(target)), yes=yes):
            report = await store.move(structs.replace(query, dry_run=False), by=because(reason))
            session.out.give(report, project_text.moved(report, place(target)))


def _require_filter(
    session: Session, memory_ids: tuple[str, ...], filters: Filters, *, source: str | None, containing: str | None
) -> None:
    """Nobody moves a project by leaving a filter out."""
    is_narrow = filters.narrow() or containing is not None
    if memory_ids and (is_narrow or source is not None or filters.everywhere):
        raise InvalidError("name memories by their ids, or by filters, not by both")
    names_project = source is not None or (session.names_project and not filters.everywhere)
    if not (memory_ids or is_narrow or names_project):
        raise InvalidError("name what is to move: ids, --from PROJECT, --tags, --type, --containing, …")


@project.command
async def register(*, session: Here) -> None:
    """Tell the server that this directory is this project, for agents that ask it over HTTP by themselves."""
    if session.project_id is None:
        raise InvalidError(project_text.NONE_HERE)
    new = NewPlace(directory=working_directory(session.environ), project_id=session.project_id)
    async with session.memories() as store:
        made = await store.places.register(new)
    session.out.give(made, f"{made.directory} of {made.client_id or 'no client'} is {place(made.project_id)}")


def _agreed(session: Session, report: MoveReport, would: str, *, yes: bool) -> bool:
    """Whether to do what a dry run found. Shows it, and asks whoever is there; else --yes is needed."""
    if yes:
        return True
    if session.out.as_json:
        session.out.json(report)
        return False
    session.out.sample(report.sample, report.matched, project_id=session.project_id)
    if warning := project_text.clashes(report):
        session.out.note(warning)
    answer = session.out.confirms(f"{would}. Do it?")
    if answer is None:
        session.out.say(f"{would}; add --yes to do it")
    elif not answer:
        raise DeclinedError("nothing was changed")
    return bool(answer)


def _meant(listed: ProjectList, name: str) -> str:
    """The id that a person means: an id or an alias as it is, else the project of that short name, else a new one."""
    if of_name(listed, name) is not None:
        return name
    return next((one.project_id for one in listed.projects if one.name == name), name)
