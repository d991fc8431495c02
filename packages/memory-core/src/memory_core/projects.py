"""Projects as a store knows them: which there are, under which other names, and what moves between them.

The vocabulary beside `types`; needs msgspec and nothing else. Which project a directory is, `project` finds out.
"""

from datetime import datetime

from msgspec import Struct

from memory_core import checks
from memory_core.errors import InvalidError
from memory_core.types import Memory, Scope


class ProjectInfo(Struct, frozen=True, kw_only=True):
    """`name` is short, and unique among those of the list: `repo`, or `owner/repo` where two would be the same.

    Whoever names one of its `aliases` means this project. `updated_at` is of the memory that changed last.
    """

    project_id: str
    name: str
    memories: int
    updated_at: datetime | None = None
    aliases: tuple[str, ...] = ()


class ProjectList(Struct, frozen=True, kw_only=True):
    """By name. Memories of no project are not among them."""

    projects: tuple[ProjectInfo, ...]
    count: int


class NewAlias(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From now on `alias` means the project `project_id`. No memory has `alias` for its project yet: else merge."""

    alias: str
    project_id: str

    def __post_init__(self) -> None:
        checks.names(self, "alias", "project_id")
        if self.alias == self.project_id:
            raise InvalidError("a project needs no alias of its own name")
        if {".", ".."} & set(self.alias.split("/")):  # it stands in the address that takes the alias away
            raise InvalidError("an alias has no part that is . or .., as a path to somewhere else has")


class ProjectMerge(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every memory of `source` becomes one of `target`, and `source` an alias of it. A rename is a merge with nothing.

    `undo` of the batch takes both back.
    """

    source: str
    target: str
    dry_run: bool = True

    def __post_init__(self) -> None:
        checks.names(self, "source", "target")
        if self.source == self.target:
            raise InvalidError("source and target are the same project")


class MoveQuery(Scope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which memories become memories of the project `to` (null: of no project): those of the scope.

    With `memory_ids`, only those of them. At least one filter must be set.
    """

    to: str | None
    memory_ids: tuple[str, ...] = ()
    content_contains: str | None = None
    dry_run: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.names(self, "to")
        checks.moved(self)


class MoveReport(Struct, frozen=True, kw_only=True):
    """`matched` memories fit; `moved` of them changed their project (0 on a dry run); `sample` shows up to 20.

    `in_trash` of those that fit lie in the trash. For `clashes` topics the other project has a memory too: both stay as
    they are, and what comes with that topic_key updates the older one. `batch_id` names what was done, for `undo`;
    `alias` is the name that means the other project from now on.
    """

    dry_run: bool
    matched: int
    moved: int
    sample: tuple[Memory, ...] = ()
    in_trash: int = 0
    clashes: int = 0
    batch_id: str | None = None
    alias: str | None = None


def of_name(listed: ProjectList, name: str | None) -> ProjectInfo | None:
    """The project of that id, or of which that is another name."""
    return next((one for one in listed.projects if name in (one.project_id, *one.aliases)), None)
