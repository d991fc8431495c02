"""The command that wires an agent: its configuration, the hooks, the server and its key, tried as the agent will."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from memory_cli.commands.moving import Moved, import_text
from memory_cli.handover import Place
from memory_cli.options import STDIN, THIS_PROJECT, Here, flag
from memory_cli.session import Session
from memory_cli.setup import bridge, importing, plan, serving
from memory_cli.setup.agents import AGENTS, NAMES, Agent, Scope
from memory_cli.setup.files import Change, UndoFolder
from memory_cli.setup.places import Machine
from memory_cli.setup.plan import Wiring
from memory_cli.setup.report import SetupReport, Wired, diff_text, files_done, report_text, trials_text
from memory_core.counting import counted
from memory_core.errors import InvalidError, UnauthorizedError, UnavailableError
from memory_core.files import why_not
from memory_core.formats.others import claude_code
from memory_core.git import find_repository
from memory_core.types import ImportReport


async def setup(
    *names: Annotated[str, Parameter(name="agents", help=f"{', '.join(NAMES)}, all, or none; else asked.")],
    for_project: Annotated[
        bool, flag("Or --project: in this project's configuration, for all who work on it.", THIS_PROJECT)
    ] = False,
    for_user: Annotated[
        bool, flag("In your own configuration, for all projects; so without either.", "--user")
    ] = False,
    api_key_file: Annotated[
        str | None,
        Parameter(help="A file with the server's key, or - for standard input; else MEMORY_API_KEY, or asked."),
    ] = None,
    client_id: Annotated[str | None, Parameter(help="Name of this machine in the memories it writes.")] = None,
    no_hooks: Annotated[bool, flag("Leave Claude Code's hooks out.")] = False,
    show: Annotated[bool, flag("Show what would change in which file, change nothing.", "--print")] = False,
    remove: Annotated[bool, flag("Take out of the configuration what setup put in.")] = False,
    undo: Annotated[bool, flag("Put the files of the last setup back as they were.")] = False,
    take_in: Annotated[
        bool | None,
        Parameter(name="--import", negative="--no-import", help="Take in what Claude Code has kept here; else asked."),
    ] = None,
    session: Here,
) -> int:
    """Give agents this memory: put the server, and Claude Code's hooks, into their configuration, and try it.

    Without names, the agents on this machine are asked about; `none` only keeps and tries the server.

    With --server URL the agents use that server; its address and key are kept in the settings of this machine, never in
    an agent's file. Everything else in these files stays as it is; doing it twice changes nothing. In the configuration
    of a project stands nothing of this machine, so that it can be committed.
    """
    machine = Machine(session.environ, Path.cwd())
    kept = UndoFolder(machine.settings / "undo")
    if undo:
        return _undone(machine, kept, session)
    if for_project and for_user:
        raise InvalidError("--project and --user exclude each other")
    scope = Scope.PROJECT if for_project else Scope.USER
    if for_project and (repository := find_repository(str(machine.folder))) is not None:
        machine = Machine(session.environ, Path(repository.path))
    if remove:
        return _removed(machine, _named(names, scope) or list(AGENTS), scope, kept, show=show, session=session)
    agents = [] if names == ("none",) else _named(names, scope) or _chosen(machine, scope, session)
    address = _address(machine, session, api_key_file, client_id, asks=not show)
    is_kept = bool(address)
    wirings = [plan.wiring(machine, agent, scope, address_is_kept=is_kept, with_hooks=not no_hooks) for agent in agents]
    changes = [change for change in address if change.before != change.after]
    changes += [change for wiring in wirings for change in plan.changes_of(wiring.files)]
    if show:
        session.out.say(diff_text(machine, changes))
        return 0
    if changes:
        serving.make_folder(machine)
    kept.carry_out(changes)
    report = _tried(machine, wirings, scope, session, changed=bool(changes))
    if not session.out.as_json:
        session.out.say(report_text(report))
    if report.failed is None and take_in is not False:
        imported = await _imported(machine, session, asks=take_in is None)
        report = msgspec.structs.replace(report, imported=imported)
    if session.out.as_json:
        session.out.json(report)
    return 0 if report.failed is None else 1


def _named(names: tuple[str, ...], scope: Scope) -> list[Agent]:
    """Raises InvalidError."""
    if unknown := [name for name in names if name not in (*NAMES, "all")]:
        raise InvalidError(f"there is no agent {unknown[0]!r}; there are {', '.join(NAMES)}, or all")
    if "all" in names:
        return [agent for agent in AGENTS if scope in agent.servers]
    agents = [agent for agent in AGENTS if agent.name in names]
    if without := [agent.title for agent in agents if scope not in agent.servers]:
        raise InvalidError(f"{without[0]} has no configuration for a single project; leave --project out")
    return agents


def _chosen(machine: Machine, scope: Scope, session: Session) -> list[Agent]:
    """Raises InvalidError where nobody can be asked."""
    found = [agent for agent in plan.present(machine) if scope in agent.servers]
    names = " ".join(agent.name for agent in found)
    if not found:
        raise InvalidError(f"no agent was found on this machine; name one: {', '.join(NAMES)}")
    answer = session.out.asks(f"On this machine: {names}. Which of them? (Enter for all, or names)")
    if answer is None:
        raise InvalidError(f"name the agents, or all: claude-memory setup {names}")
    return _named(tuple(answer.replace(",", " ").split()), scope) or found


def _address(
    machine: Machine, session: Session, key_file: str | None, client_id: str | None, *, asks: bool
) -> tuple[Change, ...]:
    """What has to be kept of the server. Raises UnauthorizedError where it refuses the key: nothing is changed then."""
    target, kept = session.target, serving.kept(machine)
    client_id = client_id or (None if "MEMORY_CLIENT_ID" in kept else target.client_id.partition(".")[0])
    # An agent that no shell has started knows nothing of the one named here.
    is_named = session.place.data_dir is not None or bool(session.environ.get("MEMORY_DATA_DIR", "").strip())
    data_dir = target.data_dir if is_named and target.data_dir != kept.get("MEMORY_DATA_DIR") else None
    given = None if key_file is None else serving.checked_key(_read(key_file))
    if target.url is None:
        if given is not None:
            raise InvalidError("the local server needs no key; --server says which server the key is for")
        if kept.get("MEMORY_SERVER", "local") == "local" and data_dir is None:
            return ()
        return serving.keeping(machine, server="local", key=None, client_id=client_id, data_dir=data_dir)
    key = given or target.key
    answered = serving.asked(target, key) if asks else serving.Answered()
    if answered.refused and key is None and (typed := session.out.asks_secret(f"The key of {target.url}, not shown")):
        key = serving.checked_key(typed)
        answered = serving.asked(target, key)
    if answered.refused:
        hint = "" if key else "; give it in MEMORY_API_KEY, or with --api-key-file"
        raise UnauthorizedError(f"{target.url} does not let this machine in: {answered.why}{hint}; nothing was changed")
    return serving.keeping(machine, server=target.url, key=key, client_id=client_id, data_dir=data_dir)


def _read(key_file: str) -> str:
    if key_file == STDIN:
        return sys.stdin.readline()
    try:
        return Path(key_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{key_file} cannot be read: {why_not(error)}") from error


def _tried(machine: Machine, wirings: list[Wiring], scope: Scope, session: Session, *, changed: bool) -> SetupReport:
    """Each command once, as the agents will start it."""
    said, failed = None, None
    commands = {wiring.command: wiring.environ for wiring in wirings} or {bridge.command_here(machine): {}}
    for command, added in commands.items():
        try:
            tried = bridge.tried(command, serving.as_from_a_desktop(machine, added), machine.folder)
        except UnavailableError as error:
            failed = str(error)
        else:
            said = f"{tried.tools} tools; memory_stats: {tried.stats.partition(chr(10))[0]}"
    if failed is None:
        hooked = next((wiring for wiring in wirings if len(wiring.files) > 1), None)
        environ = serving.as_from_a_desktop(machine, {})
        failed = None if hooked is None else bridge.hooks_tried(hooked.command, environ, machine.folder)
    project = scope is Scope.PROJECT
    left = [f"{one.agent.restart} {one.agent.approval if project else ''}".strip() for one in wirings]
    return SetupReport(
        server=session.target.url or "local",
        changed=changed,
        tried=said,
        failed=failed,
        agents=tuple(
            Wired(
                agent=wiring.agent.name,
                files=files_done(machine, wiring.files),
                starts=wiring.command.words,
                left_to_you=(to_do,) if wiring.changes else wiring.notes,
            )
            for wiring, to_do in zip(wirings, left, strict=True)
        ),
    )


async def _imported(machine: Machine, session: Session, *, asks: bool) -> ImportReport | None:
    """What Claude Code has kept on this machine, taken in where that is wanted."""
    found = importing.sources(machine)
    if not found:
        return None
    if asks and (session.out.as_json or not session.out.can_ask):
        places = counted(len(found), "place")
        session.out.note(
            f"Claude Code has kept memories in {places} on this machine; setup with --import takes them in"
        )
        return None
    # What was just written is what counts, not the shell that this runs in.
    settled = Session(serving.as_from_a_desktop(machine, {}), Place(data_dir=session.place.data_dir))
    async with settled.memories() as store:
        trials = await importing.tried(found, store)
        if not session.out.as_json:
            session.out.say(trials_text(machine, trials))
        if not any(trial.new for trial in trials) or (asks and not session.out.confirms("Take them in?")):
            return None
        report, left = await importing.taken(found, store)
    moved = Moved(format=claude_code.NAME, left=tuple(left), **msgspec.structs.asdict(report))
    if not session.out.as_json:
        session.out.say(import_text(moved))
    return report


def _removed(
    machine: Machine, agents: list[Agent], scope: Scope, kept: UndoFolder, *, show: bool, session: Session
) -> int:
    found = [(agent, plan.unwiring(machine, agent, scope, kept)) for agent in agents if scope in agent.servers]
    changes = [change for _, files in found for change in plan.changes_of(files)]
    if show:
        session.out.say(diff_text(machine, changes))
        return 0
    kept.carry_out(changes)
    wired = tuple(Wired(agent=agent.name, files=files_done(machine, files)) for agent, files in found if files)
    report = SetupReport(server=session.target.url or "local", agents=wired, changed=bool(changes))
    session.out.give(
        report, report_text(report) if wired else "There is nothing of this memory in these configurations"
    )
    return 0


def _undone(machine: Machine, kept: UndoFolder, session: Session) -> int:
    back, stay = kept.undo()
    for path in back:
        session.out.say(f"{machine.shown(path)} is as it was before the last setup")
    for path, before in stay.items():
        session.out.note(
            f"{path} was changed since, and stays; `claude-memory setup --remove` takes out of it what setup put in"
            + (f", and {before} is what it was before" if before is not None else "")
        )
    return 1 if stay else 0
