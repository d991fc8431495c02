"""What a setup changes: worked out whole before anything is written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from memory_cli.setup import entries, hooks
from memory_cli.setup.agents import AGENTS, Agent, Format, Scope, Servers
from memory_cli.setup.bridge import command_anywhere, command_here
from memory_cli.setup.entries import Command, Edited
from memory_cli.setup.faults import FaultError, ShapeError
from memory_cli.setup.files import Change, UndoFolder, content
from memory_cli.setup.places import Machine
from memory_core.errors import UnavailableError

_BOM = b"\xef\xbb\xbf"
Edit = Callable[[str], Edited]


class Planned(Struct, frozen=True):
    """One file, and what will be done to it; `said` is empty where nothing needs to be."""

    change: Change
    said: tuple[str, ...]


class Wiring(Struct, frozen=True):
    """One agent. `command` and `environ` are what it will start the bridge with."""

    agent: Agent
    files: tuple[Planned, ...]
    command: Command
    environ: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        return any(planned.said for planned in self.files)


def present(machine: Machine) -> list[Agent]:
    """The agents that are on this machine."""
    return [agent for agent in AGENTS if any(_is_there(machine, sign) for sign in agent.signs)]


def wiring(machine: Machine, agent: Agent, scope: Scope, *, address_is_kept: bool, with_hooks: bool = True) -> Wiring:
    """Raises UnavailableError, naming the file that cannot be edited and why."""
    command = command_anywhere() if scope is Scope.PROJECT else command_here(machine)
    servers = agent.servers[scope]
    if plugged_in(machine, agent):
        note = f"The plugin {agent.plugin} brings all of this to {agent.title}; nothing was put in beside it."
        return Wiring(agent, (), command, {}, (note,))
    files = [
        _planned(
            servers_file(machine, servers),
            lambda text: entries.with_server(text, servers, command, address_is_kept=address_is_kept),
            servers.format,
        )
    ]
    if with_hooks and scope in agent.hooks:
        files.append(_planned(hooks_file(machine, agent, scope), lambda text: hooks.with_hooks(text, command)))
    after = _text(files[0].change.after)[1]
    return Wiring(agent, tuple(files), command, entries.environment(after, servers))


def unwiring(machine: Machine, agent: Agent, scope: Scope, undo: UndoFolder) -> tuple[Planned, ...]:
    """What takes our entries out again. Raises UnavailableError."""
    servers = agent.servers[scope]
    found = [
        _taken(servers_file(machine, servers), lambda text: entries.without_server(text, servers), undo, servers.format)
    ]
    if scope in agent.hooks:
        found.append(_taken(hooks_file(machine, agent, scope), hooks.without_hooks, undo))
    return tuple(planned for planned in found if planned is not None)


def plugged_in(machine: Machine, agent: Agent) -> bool:
    """Whether our plugin is enabled there. Raises UnavailableError."""
    if not agent.plugin or Scope.USER not in agent.hooks:
        return False
    places = [hooks_file(machine, agent, scope) for scope in agent.hooks]
    return any(hooks.has_plugin(text, agent.plugin) for text in map(_readable, places) if text)


def servers_file(machine: Machine, servers: Servers) -> Path:
    templates = servers.places.get(machine.platform, servers.places.get("*", ()))
    return _file(machine, servers.override, templates)


def hooks_file(machine: Machine, agent: Agent, scope: Scope) -> Path:
    return _file(machine, agent.hooks[scope].override, agent.hooks[scope].places)


def changes_of(planned: Iterable[Planned]) -> Iterator[Change]:
    return (one.change for one in planned if one.said)


def _file(machine: Machine, override: str | None, templates: Sequence[str]) -> Path:
    named = None if override is None else machine.place(override)
    return named if named is not None else machine.first(templates)


def _is_there(machine: Machine, sign: str) -> bool:
    if "/" in sign or sign.startswith(("~", "$")):
        place = machine.place(sign)
        return place is not None and place.exists()
    return machine.command(sign) is not None


def _planned(path: Path, edit: Edit, form: Format = Format.JSON) -> Planned:
    before = content(path)
    edited = _edited(path, before, edit, form)
    after = before if not edited.said else _bytes(before, edited.text)
    return Planned(Change(path=path, before=before, after=after), edited.said)


def _taken(path: Path, edit: Edit, undo: UndoFolder, form: Format = Format.JSON) -> Planned | None:
    """The very bytes of before, where nothing else has changed the file since; else an edit of what is there."""
    now = content(path)
    if now is None or not (edited := _edited(path, now, edit, form)).said:
        return None
    earlier: bytes | None = now
    while earlier is not None and _edited(path, earlier, edit, form).said:
        known, before = undo.before(path, earlier)
        if not known:
            return Planned(Change(path=path, before=now, after=_bytes(now, edited.text)), edited.said)
        earlier = before
    return Planned(Change(path=path, before=now, after=earlier), edited.said)


def _edited(path: Path, data: bytes | None, edit: Edit, form: Format) -> Edited:
    try:
        text = _text(data)[1]
        if form is Format.JSON and not text.strip():
            text = "{}\n"
        return edit(text)
    except UnicodeDecodeError as error:
        raise UnavailableError(f"{path} is no UTF-8 text, so it is left alone: {error.reason}") from error
    except FaultError as error:
        kind = "TOML" if form is Format.TOML else "JSON"
        raise UnavailableError(
            f"{path} is no {kind}, so it is left alone: {error}; mend it and run this again"
        ) from error
    except ShapeError as error:
        raise UnavailableError(
            f"{path} cannot be edited: {error}; docs/agents.md has the entry to put in by hand"
        ) from error


def _readable(path: Path) -> str:
    try:
        return _text(content(path))[1]
    except UnicodeDecodeError:
        return ""


def _text(data: bytes | None) -> tuple[bytes, str]:
    """The mark at the beginning that some editors of Windows leave, and the text."""
    data = data or b""
    mark = _BOM if data.startswith(_BOM) else b""
    return mark, data[len(mark) :].decode()


def _bytes(before: bytes | None, text: str) -> bytes:
    return _text(before)[0] + text.encode()
