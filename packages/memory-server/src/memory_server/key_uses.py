"""When each key was last used, in a file of its own: it changes all day, and must not hold up who asks for a key.

Nothing hangs on it. What cannot be read is taken for never used, and is noted again.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from memory_core.errors import UnavailableError
from memory_core.files import replacing
from memory_server.data_files import ACCESS_USES

_SECRETS = 4  # of a key, which are noted; the latest

Uses = dict[str, dict[str, datetime]]
"""By the name of a key and the hint of its secret, when it was last sent."""


class KeyUses:
    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / ACCESS_USES

    def read(self) -> Uses:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Uses)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}

    def add(self, used: Mapping[tuple[str, str], datetime]) -> None:
        """One server at a time. Raises UnavailableError where the file cannot be written."""
        uses = self.read()
        for (name, hint), at in used.items():
            latest = sorted((uses.get(name, {}) | {hint: at}).items(), key=lambda use: use[1])
            uses[name] = dict(latest[-_SECRETS:])
        try:
            with replacing(self._path) as file:
                file.write(msgspec.json.encode(uses))
        except OSError as error:
            raise UnavailableError(f"{self._path} cannot be written: {error.strerror}") from error
