"""What an agent's list of MCP servers should say of the bridge: put in, recognised again, taken out. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath, PureWindowsPath

from msgspec import Struct

from memory_cli.setup import jsonc, toml_text
from memory_cli.setup.agents import NAME, OTHER_NAME, Entry, Format, Servers, Word
from memory_cli.setup.faults import ShapeError
from memory_cli.setup.jsonc_parser import Value

_BRIDGES = {"memory-client": None, "claude-memory": ("serve", "client"), "memory-cli": ("serve", "client")}
_ADDRESS = frozenset({"MEMORY_SERVER", "MEMORY_API_KEY", "MEMORY_API_KEY_FILE", "MEMORY_CLIENT_ID"})
_ENVIRONMENTS = ("env", "environment")
ALWAYS = frozenset({"type", "command", "args"})
"""What is ours to say in an entry of ours; whatever else is there stays as a person left it."""


class Command(Struct, frozen=True):
    """How the bridge is started; with the word `hook` after its arguments, how a hook is."""

    program: str
    arguments: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        return (self.program, *self.arguments)


class Edited(Struct, frozen=True):
    """`said` is a line for each thing that was done; none where there was nothing to do."""

    text: str
    said: tuple[str, ...] = ()


def with_server(text: str, servers: Servers, command: Command, *, address_is_kept: bool) -> Edited:
    """`address_is_kept`: the settings file names a server, so that an entry must not name another.

    Raises FaultError, ShapeError.
    """
    under, template = _under(text, servers)
    there = table(_at(text, servers.format, under))
    name = next((name for name, entry in there.items() if is_bridge(entry)), None)
    if name is None:
        name = next((name for name in (NAME, OTHER_NAME) if name not in there), None)
        if name is None:
            raise ShapeError(f"{NAME} and {OTHER_NAME} are names of other servers there")
    kept = there.get(name)
    values, without = _wanted(template, command, kept, address_is_kept=address_is_kept)
    edited = _entered(text, servers.format, (*under, name), values, without, is_new=kept is None)
    if edited == text:
        return Edited(text)
    done = "added" if kept is None else "brought up to date"
    besides = f"; {NAME} is another server there" if name == OTHER_NAME and kept is None else ""
    return Edited(edited, (f"{done} the server {name}: {' '.join(command.words)}{besides}",))


def without_server(text: str, servers: Servers) -> Edited:
    """Raises FaultError, ShapeError."""
    said = []
    for under in (servers.under, servers.nested) if servers.nested else (servers.under,):
        for name, entry in table(_at(text, servers.format, under)).items():
            if is_bridge(entry):
                text = _taken(text, servers.format, (*under, name))
                said.append(f"took out the server {name}")
        for depth in range(len(under), 0, -1):
            if said and _at(text, servers.format, under[:depth]) == {}:
                text = _taken(text, servers.format, under[:depth])
    return Edited(text, tuple(said))


def _wanted(
    template: Entry, command: Command, kept: object, *, address_is_kept: bool
) -> tuple[dict[str, object], list[str]]:
    """What to set in an entry, and what to take out of it. What a person added to one of ours stays."""
    wanted = _filled(template, command)
    if kept is None:
        return wanted, []
    before = table(kept)
    values = {key: value for key, value in wanted.items() if key in ALWAYS or key not in before}
    without = [key for key in ("args",) if key in before and key not in wanted]
    for key in _ENVIRONMENTS:
        inner = before.get(key)
        if isinstance(inner, dict) and address_is_kept and not _ADDRESS.isdisjoint(inner):
            values[key] = {name: value for name, value in inner.items() if name not in _ADDRESS}
            if not values[key]:
                del values[key]
                without.append(key)
    return values, without


def _filled(template: Entry, command: Command) -> dict[str, object]:
    words: Mapping[object, object] = {
        Word.PROGRAM: command.program,
        Word.ARGUMENTS: list(command.arguments),
        Word.LINE: list(command.words),
    }
    return {key: words[value] if isinstance(value, Word) else value for key, value in template.items()}


def environment(text: str, servers: Servers) -> dict[str, str]:
    """The variables that our entry adds to those of the agent."""
    under, _ = _under(text, servers)
    entry = next((entry for entry in table(_at(text, servers.format, under)).values() if is_bridge(entry)), None)
    fields = table(entry)
    inner = next((table(fields[key]) for key in _ENVIRONMENTS if key in fields), {})
    return {name: str(value) for name, value in inner.items()}


def is_bridge(entry: object) -> bool:
    """Whether it starts our bridge, in whatever way: by its path, by uvx, by the command of a person's."""
    line = list(words(entry))
    for number, word in enumerate(line):
        name = PureWindowsPath(word).name if "\\" in word else PurePath(word).name
        following = _BRIDGES.get(name.removesuffix(".exe"), ())
        if following is None or any(word in following for word in line[number + 1 : number + 2]):
            return True
    return False


def words(entry: object) -> Iterator[str]:
    """Program and arguments of an entry or a hook, also of one that is a line for a shell."""
    fields = table(entry)
    command, arguments = fields.get("command"), fields.get("args")
    if isinstance(command, str):
        yield from [command] if isinstance(arguments, list) or "hook" not in command.split() else command.split()
    for words in (command, arguments):
        if isinstance(words, list):
            yield from (word for word in words if isinstance(word, str))


def _under(text: str, servers: Servers) -> tuple[tuple[str, ...], Entry]:
    """The newer form is known by an object at its place that is no entry itself."""
    inner = _at(text, servers.format, servers.nested) if servers.nested else None
    if isinstance(inner, dict) and {"type", "command", "enabled"}.isdisjoint(inner):
        return servers.nested, servers.nested_entry
    return servers.under, servers.entry


def _at(text: str, form: Format, path: tuple[str, ...]) -> object:
    return toml_text.at(text, path) if form is Format.TOML else jsonc.at(text, path)


def _taken(text: str, form: Format, path: tuple[str, ...]) -> str:
    return toml_text.take(text, path) if form is Format.TOML else jsonc.take(text, path)


def _entered(
    text: str, form: Format, path: tuple[str, ...], values: dict[str, object], without: Sequence[str], *, is_new: bool
) -> str:
    if form is Format.TOML:
        return toml_text.put(text, path, values, without=without)
    if is_new:
        return jsonc.put(text, path, _json(values))
    for key, value in values.items():
        if jsonc.at(text, (*path, key)) != value:
            text = jsonc.put(text, (*path, key), _json(value))
    for key in without:
        text = jsonc.take(text, (*path, key))
    return text


def _json(value: object) -> Value:
    if isinstance(value, Mapping):
        return {str(key): _json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{value!r} has no place in JSON")


def table(value: object) -> dict[str, object]:
    return {str(key): one for key, one in value.items()} if isinstance(value, dict) else {}
