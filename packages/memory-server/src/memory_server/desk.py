"""What a tool works with: the product and its sessions, as far as the key of its caller reaches."""

from typing import NamedTuple

from memory_core.memories import Memories
from memory_core.sessions import Sessions


class Desk(NamedTuple):
    memories: Memories
    sessions: Sessions
