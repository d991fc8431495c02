"""Where things lie on this machine, from templates such as `$APPDATA/Code/User/mcp.json`. Takes the environment; writes
nothing.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from memory_client import settings_file
from memory_core import system
from memory_core.errors import UnavailableError


@dataclass(frozen=True)
class Machine:
    """`folder` is where the command was called. `platform` is as `sys.platform` has it."""

    environ: Mapping[str, str]
    folder: Path
    platform: str = sys.platform

    @property
    def home(self) -> Path:
        return Path(system.home(self.environ, self.platform))

    @property
    def settings(self) -> Path:
        return Path(settings_file.folder(self.environ))

    def place(self, template: str) -> Path | None:
        """The path that `template` means, `~` and a variable at its beginning replaced, `*` by the one that exists.

        Null where the variable is not set, or nothing fits the `*`.
        """
        first, _, rest = template.partition("/")
        start = self._start(first)
        if start is None:
            return None
        parts = rest.split("/") if rest else []
        starred = max((number for number, part in enumerate(parts) if "*" in part), default=-1)
        if starred >= 0:
            found = sorted(start.glob("/".join(parts[: starred + 1])))
            if not found:
                return None
            start, parts = found[0], parts[starred + 1 :]
        return start.joinpath(*parts)

    def first(self, templates: Sequence[str]) -> Path:
        """The first that is there, else the first whose folder is, else the first that can be meant at all."""
        places = [place for template in templates if (place := self.place(template)) is not None]
        if not places:
            raise UnavailableError(f"{' and '.join(templates)} cannot be found on this machine: a variable is not set")
        for place in places:
            if place.exists():
                return place
        return next((place for place in places if place.parent.is_dir()), places[0])

    def command(self, name: str) -> Path | None:
        """A program on PATH."""
        found = system.program(name, self.environ.get("PATH"))
        return None if found is None else Path(found).absolute()

    def shown(self, path: Path) -> str:
        """`path` as people write it."""
        if path.is_relative_to(self.home) and not (path.is_relative_to(self.folder) and self.folder != self.home):
            return f"~/{path.relative_to(self.home).as_posix()}"
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)

    def _start(self, name: str) -> Path | None:
        if name == "~":
            return self.home
        if name == ".":
            return self.folder
        if not name.startswith("$"):
            return Path(f"{name}/")
        value = self.environ.get(name[1:], "").strip()
        if not value and name == "$XDG_CONFIG_HOME":
            return self.home / ".config"
        return Path(value).expanduser() if value else None
