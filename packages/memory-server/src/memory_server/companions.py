"""What a backup of the memories holds besides them."""

from memory_core.engine.backups.companions import Companion
from memory_server.data_files import ACCESS, SESSIONS


def companions() -> tuple[Companion, ...]:
    return (
        Companion(name=ACCESS, note="revoke again what was revoked since then"),
        Companion(name=SESSIONS, note="what sessions were told since then, they may be told again", may_lack=True),
    )
