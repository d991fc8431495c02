"""What a backup of the memories holds besides them."""

from memory_core.engine.backups.companions import Companion
from memory_server.access_file import FILE_NAME


def companions() -> tuple[Companion, ...]:
    return (Companion(name=FILE_NAME, note="revoke again what was revoked since then"),)
