"""Which server the agents of this machine use, and where its key is kept: the settings file, and nowhere else."""

import shlex
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from memory_cli.setup.files import Change, content
from memory_cli.setup.places import Machine
from memory_client import settings_file
from memory_client.errors import ClientError, SettingError
from memory_client.target import Target
from memory_client.transport import Transport
from memory_core.errors import InvalidError, Problem, UnavailableError
from memory_core.files import why_not

_KEY_FILE = "key"
_TIMEOUT_S = 10.0
_REFUSED = (401, 403)
_KEPT_HERE = ("MEMORY_SERVER", "MEMORY_API_KEY", "MEMORY_API_KEY_FILE", "MEMORY_DATA_DIR")


class Answered(Struct, frozen=True):
    """What a server says to a key. `why` is null where it takes it; `refused` tells that from being away."""

    why: str | None = None
    refused: bool = False


def asked(target: Target, key: str | None) -> Answered:
    """Whether the server of `target` takes `key`, or needs none."""
    assert target.url is not None  # noqa: S101 - the local server has a key of its own
    headers = {**target.identity_headers(), **({} if key is None else {"X-API-Key": key})}
    try:
        transport = Transport(target.url, headers=headers, proxy=target.proxy)
    except ClientError as error:
        return Answered(str(error))
    try:
        with transport.request("GET", "/stats", timeout_s=_TIMEOUT_S) as answer:
            body, status = answer.read(), answer.status
    except ClientError as error:
        return Answered(str(error))
    finally:
        transport.close()
    if status == 200:
        return Answered()
    try:
        why = msgspec.json.decode(body, type=Problem).detail
    except msgspec.DecodeError:
        why = f"{target.url} answered with status {status}, and not as a memory server does"
    return Answered(why, refused=status in _REFUSED)


def checked_key(text: str) -> str:
    """Raises InvalidError, without the key."""
    key = text.strip()
    if not key:
        raise InvalidError("there is no key in what was given as one")
    if not (key.isascii() and key.isprintable()):
        raise InvalidError("the key holds a character that a key cannot have; copy it again")
    return key


def kept(machine: Machine) -> dict[str, str]:
    """What the settings file says. Raises InvalidError."""
    try:
        return settings_file.read(settings_file.path(machine.environ), str(machine.home))
    except SettingError as error:
        raise InvalidError(str(error)) from error


def keeping(
    machine: Machine, *, server: str, key: str | None, client_id: str | None, data_dir: str | None
) -> tuple[Change, ...]:
    """What it takes to keep a server and its key on this machine; what is null, and other lines of the file, stay."""
    env, file = machine.settings / "env", machine.settings / _KEY_FILE
    values: dict[str, str | None] = {
        "MEMORY_SERVER": server,
        "MEMORY_API_KEY": None,
        "MEMORY_API_KEY_FILE": None if key is None else str(file),
    }
    values |= {name: value for name, value in (("MEMORY_CLIENT_ID", client_id), ("MEMORY_DATA_DIR", data_dir)) if value}
    before = content(env)
    said = "" if before is None else before.decode()
    if (line := _line_of_several(said, values)) is not None:
        raise InvalidError(f"{env} sets several variables in the line {line!r}; give each a line of its own")
    text = _with(said, values)
    changes = [Change(path=env, before=before, after=text.encode(), mode=0o600)]
    key_before = content(file)
    if key is not None and (key_before or b"").decode("utf-8", "replace").strip() != key:
        changes.append(Change(path=file, before=key_before, after=f"{key}\n".encode(), mode=0o600, secret=True))
    return tuple(changes)


def as_from_a_desktop(machine: Machine, entry: Mapping[str, str]) -> dict[str, str]:
    """The environment of an agent that no shell started, so that what is tried is what the files say."""
    environ = {name: value for name, value in machine.environ.items() if name not in _KEPT_HERE}
    return environ | {name: value for name, value in entry.items() if "${" not in value}


def make_folder(machine: Machine) -> None:
    """For its owner alone: it will hold a key."""
    folder: Path = machine.settings
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UnavailableError(f"{folder} cannot be made: {why_not(error)}; it is where the key is kept") from error


def _line_of_several(text: str, names: Collection[str]) -> str | None:
    """`text` is one that `kept` has read."""
    for line in text.removeprefix("\ufeff").splitlines():
        said = [name for name, _, _ in settings_file.assignments(line, "it")]
        if len(said) > 1 and any(name in names for name in said):
            return line.strip()
    return None


def _with(text: str, values: Mapping[str, str | None]) -> str:
    """`text` with a line for each of `values`, where its line is or at the end; none for null."""
    lines = list(_kept_lines(text, values))
    for name, value in values.items():
        if value is not None and not any(line.startswith(f"export {name}=") for line in lines):
            lines.append(_line(name, value))
    return "".join(f"{line}\n" for line in lines)


def _kept_lines(text: str, values: Mapping[str, str | None]) -> Iterator[str]:
    for line in text.removeprefix("\ufeff").splitlines():
        name = line.strip().removeprefix("export ").lstrip().partition("=")[0]
        if name not in values:
            yield line
        elif (value := values[name]) is not None:
            yield _line(name, value)


def _line(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"
