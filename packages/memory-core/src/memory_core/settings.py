"""Settings from an environment: declared once as a struct, and read, checked, shown and documented from that.

    class Settings(Struct, frozen=True, kw_only=True):
        port: Annotated[int, Option("MEMORY_PORT", "port to listen on"), Meta(ge=0, le=65535)] = 8420

Who reads `os.environ` is the caller's business, at a program's door and nowhere else. A secret never shows its value.
"""

import types
import typing
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union

import msgspec

from memory_core.errors import InvalidError
from memory_core.files import why_not

SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)

_FILE = "_FILE"
_CREDENTIALS = "CREDENTIALS_DIRECTORY"  # where systemd puts what a unit's LoadCredential= names
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class Option(msgspec.Struct, frozen=True):
    """Stands in the annotation of a field: which variable sets it, and one line for people.

    A secret may also come from a file named by the variable with _FILE added, or from a systemd credential of the
    variable's name, and is no flag: command lines are seen by other users of a machine.
    """

    variable: str
    help: str
    secret: bool = False


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """One option as the struct declares it. `kind` is the annotation without the option, bounds included."""

    name: str
    option: Option
    kind: Any  # a type expression, for which Python has no narrower type
    default: Any

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def takes(self) -> str:
        """`a whole number from 0 to 9`, `one of red, blue`."""
        return _allowed(self.kind)

    @property
    def shown_default(self) -> str:
        return _shown(self.default)


def options(settings: type[msgspec.Struct]) -> Iterator[Declared]:
    """Every field of `settings` that carries an Option, in the order written."""
    hints = typing.get_type_hints(settings, include_extras=True)
    for field in msgspec.structs.fields(settings):
        extras = getattr(hints[field.name], "__metadata__", ())
        option = next((extra for extra in extras if isinstance(extra, Option)), None)
        if option is not None:
            yield Declared(name=field.name, option=option, kind=hints[field.name], default=field.default)


def load_settings(
    settings: type[SettingsT], environ: Mapping[str, str], flags: Mapping[str, str | None] | None = None
) -> SettingsT:
    """A flag wins over its variable, a variable over the default; an empty one counts as not set.

    Raises InvalidError that names the flag or variable and what it takes, and never repeats a secret.
    """
    values: dict[str, Any] = {}
    for declared in options(settings):
        source, text = _given(declared, environ, flags or {})
        if text:
            values[declared.name] = _parsed(declared, source, text)
    return settings(**values)


def add_flags(parser: ArgumentParser, settings: type[msgspec.Struct]) -> None:
    """One flag an option, except for secrets. Values stay text until `load_settings` reads them."""
    for declared in options(settings):
        if not declared.option.secret:
            note = f"{declared.option.help} [{declared.option.variable}; default: {_shown(declared.default) or 'none'}]"
            # argparse expands %-marks in help texts
            parser.add_argument(
                declared.flag, dest=declared.name, metavar=_word(declared.kind).upper(), help=note.replace("%", "%%")
            )


def redacted(settings: msgspec.Struct) -> dict[str, str]:
    """Variable → value as text; of a secret only whether it is set."""
    shown = {}
    for declared in options(type(settings)):
        value = getattr(settings, declared.name)
        shown[declared.option.variable] = ("set" if value else "") if declared.option.secret else _shown(value)
    return shown


def _given(declared: Declared, environ: Mapping[str, str], flags: Mapping[str, str | None]) -> tuple[str, str]:
    """Where the value comes from, and its text; empty when nothing gives it."""
    option = declared.option
    if text := flags.get(declared.name):
        return declared.flag, text
    text = environ.get(option.variable, "").strip()
    files = _secret_files(option.variable, environ) if option.secret else []
    names = [option.variable] * bool(text) + [source for source, _ in files]
    if len(names) > 1:
        raise InvalidError(f"both {names[0]} and {names[1]} are set; keep one of them")
    for source, file in files:
        try:
            return source, file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidError(f"{source} names {file}, which cannot be read: {why_not(error)}") from error
    return option.variable, text


def _secret_files(variable: str, environ: Mapping[str, str]) -> list[tuple[str, Path]]:
    """The files that hold this secret, each with how it was named."""
    named, folder = environ.get(variable + _FILE), environ.get(_CREDENTIALS)
    files = [(variable + _FILE, Path(named))] if named else []
    if folder and (credential := Path(folder) / variable).exists():
        files.append((f"the credential {variable}", credential))
    return files


def _parsed(declared: Declared, source: str, text: str) -> Any:
    plain = _plain(declared.kind)
    value: Any = text
    if plain is bool:
        value = _WORDS.get(text.lower(), text)
    elif typing.get_origin(plain) is tuple:
        value = [part.strip() for part in text.split(",") if part.strip()]
    elif plain is Path:
        return _path(source, text)
    try:
        return msgspec.convert(value, declared.kind, strict=plain is bool)
    except msgspec.ValidationError as error:
        shown = "not usable" if declared.option.secret else repr(text)
        raise InvalidError(f"{source} is {shown}; it takes {_allowed(declared.kind)}") from error


def _path(source: str, text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidError(f"{source} is {text!r}, and there is no such user; write the folder in full") from error


def _plain(kind: Any) -> Any:
    """`kind` without annotations and without the null of an optional."""
    if typing.get_origin(kind) is Annotated:
        return _plain(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (Union, types.UnionType):
        return _plain(next(part for part in typing.get_args(kind) if part is not types.NoneType))
    return kind


def _bounds(kind: Any) -> str:
    """` from 0 to 9`, ` of at least 1`, ` above 0`; empty where any number goes."""
    found = [extra for extra in getattr(kind, "__metadata__", ()) if isinstance(extra, msgspec.Meta)]
    bounds = found[0] if found else msgspec.Meta()
    if bounds.ge is not None and bounds.le is not None:
        return f" from {bounds.ge} to {bounds.le}"
    if bounds.ge is not None:
        return f" of at least {bounds.ge}"
    return f" above {bounds.gt}" if bounds.gt is not None else ""


def _word(kind: Any) -> str:
    plain = _plain(kind)
    if isinstance(plain, type) and issubclass(plain, Enum):
        return "|".join(str(member.value) for member in plain)
    if typing.get_origin(plain) is tuple:
        return "list"
    return {bool: "true|false", int: "number", float: "number", Path: "path"}.get(plain, "text")


def _allowed(kind: Any) -> str:
    plain = _plain(kind)
    if isinstance(plain, type) and issubclass(plain, Enum):
        return "one of " + ", ".join(str(member.value) for member in plain)
    if plain is bool:
        return "true or false"
    if plain is Path:
        return "a path"
    if typing.get_origin(plain) is tuple:
        return "a list, by comma"
    word = "a whole number" if plain is int else "a number" if plain is float else "text"
    return word + _bounds(kind)


def _shown(value: Any) -> str:
    if value is None or value is msgspec.NODEFAULT:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)
