"""The command that wires an agent: its configuration, the hooks, the server and its key, tried as the agent will."""

import difflib
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec import Struct

from memory_cli.options import STDIN, THIS_PROJECT, Here, flag
from memory_cli.session import Session
from memory_cli.setup import bridge, plan, serving
from memory_cli.setup.agents import AGENTS, NAMES, Agent, Scope
from memory_cli.setup.files import Change, UndoFolder
from memory_cli.setup.places import Machine
from memory_cli.setup.plan import Planned, Wiring
from memory_core.errors import InvalidError, UnauthorizedError, UnavailableError
from memory_core.git import find_repository

_UNDO = "`claude-memory setup --undo` puts all files back as they were"


class Done(Struct, frozen=True, kw_only=True):
    """What became of one file."""

    path: str
    done: tuple[str, ...]


class Wired(Struct, frozen=True, kw_only=True):
    agent: str
    files: tuple[Done, ...]
    starts: tuple[str, ...] = ()
    left_to_you: tuple[str, ...] = ()


class SetupReport(Struct, frozen=True, kw_only=True):
    """`tried` is what the server said to the bridge; `failed` is why it did not."""

    server: str
    agents: tuple[Wired, ...]
    tried: str | None = None
    failed: str | None = None


async def setup(
    *names: Annotated[str, Parameter(name="agents", help=f"{', '.join(NAMES)}, or all; without: those found here.")],
    for_project: Annotated[
        bool, flag("In this project's configuration, for all who work on it.", THIS_PROJECT)
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
    session: Here,
) -> int:
    """Give agents this memory: put the server, and Claude Code's hooks, into their configuration, and try it.

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
    agents = _named(names, scope) or _chosen(machine, scope, session)
    address = _address(machine, session, api_key_file, client_id, asks=not show)
    is_kept = bool(address) or serving.kept(machine).get("MEMORY_SERVER", "local") != "local"
    wirings = [plan.wiring(machine, agent, scope, address_is_kept=is_kept, with_hooks=not no_hooks) for agent in agents]
    changes = [*address, *(change for wiring in wirings for change in plan.changes_of(wiring.files))]
    if show:
        session.out.say(_diff(machine, changes) or "Nothing would change")
        return 0
    if changes:
        serving.make_folder(machine)
    kept.carry_out(changes)
    report = _tried(machine, wirings, scope, session)
    session.out.give(report, report_text(report, changed=bool(changes)))
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
    given = None if key_file is None else serving.checked_key(_read(key_file))
    if target.url is None:
        if given is not None:
            raise InvalidError("the local server needs no key; --server says which server the key is for")
        if kept.get("MEMORY_SERVER", "local") == "local":
            return ()
        return serving.keeping(machine, server="local", key=None, client_id=client_id)
    key = given or target.key
    answered = serving.asked(target, key) if asks else serving.Answered()
    if answered.refused and key is None and (typed := session.out.asks_secret(f"The key of {target.url}, not shown")):
        key = serving.checked_key(typed)
        answered = serving.asked(target, key)
    if answered.refused:
        hint = "" if key else "; give it in MEMORY_API_KEY, or with --api-key-file"
        raise UnauthorizedError(f"{target.url} does not let this machine in: {answered.why}{hint}; nothing was changed")
    return serving.keeping(machine, server=target.url, key=key, client_id=client_id)


def _read(key_file: str) -> str:
    if key_file == STDIN:
        return sys.stdin.readline()
    try:
        return Path(key_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{key_file} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _tried(machine: Machine, wirings: list[Wiring], scope: Scope, session: Session) -> SetupReport:
    """Each command once, as the agents will start it."""
    said, failed = None, None
    for wiring in {wiring.command: wiring for wiring in wirings}.values():
        environ = serving.as_from_a_desktop(machine, wiring.environ)
        try:
            tried = bridge.tried(wiring.command, environ, machine.folder)
        except UnavailableError as error:
            failed = str(error)
        else:
            said = f"{tried.tools} tools; memory_stats: {tried.stats}"
    project = scope is Scope.PROJECT
    left = [f"{one.agent.restart} {one.agent.approval if project else ''}".strip() for one in wirings]
    return SetupReport(
        server=session.target.url or "local",
        tried=said,
        failed=failed,
        agents=tuple(
            Wired(
                agent=wiring.agent.name,
                files=_files(machine, wiring.files),
                starts=wiring.command.words,
                left_to_you=(to_do,) if wiring.changes else (),
            )
            for wiring, to_do in zip(wirings, left, strict=True)
        ),
    )


def _files(machine: Machine, files: tuple[Planned, ...]) -> tuple[Done, ...]:
    return tuple(Done(path=machine.shown(planned.change.path), done=planned.said) for planned in files)


def _removed(
    machine: Machine, agents: list[Agent], scope: Scope, kept: UndoFolder, *, show: bool, session: Session
) -> int:
    found = [(agent, plan.unwiring(machine, agent, scope, kept)) for agent in agents if scope in agent.servers]
    changes = [change for _, files in found for change in plan.changes_of(files)]
    if show:
        session.out.say(_diff(machine, changes) or "Nothing would change")
        return 0
    kept.carry_out(changes)
    wired = tuple(Wired(agent=agent.name, files=_files(machine, files)) for agent, files in found if files)
    report = SetupReport(server=session.target.url or "local", agents=wired)
    text = report_text(report, changed=bool(changes))
    session.out.give(report, text if wired else "There is nothing of this memory in these configurations")
    return 0


def _undone(machine: Machine, kept: UndoFolder, session: Session) -> int:
    back, stay = kept.undo()
    for path in back:
        session.out.say(f"{machine.shown(path)} is as it was before the last setup")
    for path in stay:
        session.out.note(
            f"{path} was changed since, and stays; `claude-memory setup --remove` takes out of it what setup put in"
        )
    return 1 if stay else 0


def report_text(report: SetupReport, *, changed: bool) -> str:
    titles = {agent.name: agent.title for agent in AGENTS}
    lines = []
    for wired in report.agents:
        lines.append(titles[wired.agent])
        lines += [f"  {file.path}: {'; '.join(file.done) or 'nothing to change'}" for file in wired.files]
    if report.tried is not None:
        where = "this machine's own server" if report.server == "local" else report.server
        lines.append(f"Tried with {where}, as an agent does it: {report.tried}")
    if report.failed is not None:
        lines.append(f"It does not work yet: {report.failed}")
        lines.append("Run this again when it should, or take it out with `claude-memory setup --remove`")
    lines += [f"Left to you, {titles[wired.agent]}: {to_do}" for wired in report.agents for to_do in wired.left_to_you]
    return "\n".join([*lines, _UNDO] if changed else lines)


def _diff(machine: Machine, changes: list[Change]) -> str:
    """As `diff -u` prints it; of a key, only that it is kept."""
    parts = []
    for change in changes:
        shown = machine.shown(change.path)
        if change.secret:
            parts.append(f"+++ {shown}\n+(a key, readable by you alone)")
            continue
        before, after = ((data or b"").decode("utf-8", "replace") for data in (change.before, change.after))
        lines = difflib.unified_diff(
            before.splitlines(),
            after.splitlines(),
            shown if change.before is not None else "/dev/null",
            shown,
            n=2,
            lineterm="",
        )
        parts.append("\n".join(lines))
    return "\n".join(parts)
