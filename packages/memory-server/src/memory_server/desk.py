"""What a tool works with: the product and its sessions, as far as the key of its caller reaches."""

from typing import NamedTuple

from memory_core.memories import Memories
from memory_core.sessions import Sessions


class Desk(NamedTuple):
    """`project_id` is that of the caller, under the name that it has by now."""

    memories: Memories
    sessions: Sessions
    project_id: str | None
