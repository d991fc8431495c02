"""Directories as a server knows them: which project an agent works on that names its directory and no project.

The vocabulary beside `projects`; needs msgspec and nothing else. Every machine has places of its own: two machines may
have different things at one path.
"""

from datetime import datetime

from msgspec import Struct

from memory_core import checks


class Place(Struct, frozen=True, kw_only=True):
    """A directory of the machine `client_id`. It was `former_project_id` until `former_until`; null if nothing else."""

    directory: str
    client_id: str | None
    project_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    former_project_id: str | None = None
    former_until: datetime | None = None


class PlaceList(Struct, frozen=True, kw_only=True):
    """Those of the caller's machine, the one that was seen last first."""

    places: tuple[Place, ...]
    count: int


class PlaceQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without `directory`, all of them; with it, the one that it is, or lies in."""

    directory: str | None = None

    def __post_init__(self) -> None:
        checks.path(self, "directory")


class NewPlace(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`directory` is the project `project_id` on the caller's machine; without it, the project of the caller."""

    directory: str
    project_id: str | None = None

    def __post_init__(self) -> None:
        checks.path(self, "directory")
        checks.names(self, "project_id")
