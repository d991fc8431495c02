"""The file by which clients of one machine find its server: who runs, where, and with which token."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from memory_core.files import replacing
from memory_server import __version__

FILE_NAME = "server.json"


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    pid: int
    port: int
    token: str
    version: str
    instance: str
    started_at: datetime


def announce(data_dir: Path, *, port: int, token: str, instance: str) -> None:
    """Write the file whole, readable by its owner alone; it must appear only once the port listens."""
    state = ServerState(
        pid=os.getpid(), port=port, token=token, version=__version__, instance=instance, started_at=datetime.now(UTC)
    )
    with replacing(data_dir / FILE_NAME) as file:
        file.write(msgspec.json.encode(state))


def withdraw(data_dir: Path, *, instance: str) -> None:
    """Remove the file unless it is another server's by now."""
    path = data_dir / FILE_NAME
    with contextlib.suppress(OSError, msgspec.MsgspecError):  # gone or spoilt: nothing of ours is left to remove
        if msgspec.json.decode(path.read_bytes(), type=ServerState).instance == instance:
            path.unlink()
