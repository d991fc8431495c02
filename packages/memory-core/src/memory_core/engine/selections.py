"""What a store is asked, and says, of projects and of what moves between them. Part of `ports`; no numbers, no SQL."""

from datetime import datetime

from msgspec import Struct

from memory_core.types import Memory, Scope


class KeptProject(Struct, frozen=True, kw_only=True):
    """A project of which there are memories, be they in the trash; `memories` of them are here.

    `updated_at` is of the one outside the trash that changed last.
    """

    project_id: str
    memories: int
    updated_at: datetime | None


class AliasChange(Struct, frozen=True, kw_only=True):
    """Which project a name meant before and after; null: itself."""

    alias: str
    before: str | None
    after: str | None


class Selection(Struct, frozen=True, kw_only=True):
    """Which memories are to go to the project `to`: those of the scope, with that text, and of these ids alone.

    `whole`: what is in the trash or superseded, too. What is there already is none of them.
    """

    to: str | None
    scope: Scope
    content_contains: str | None = None
    memory_ids: tuple[str, ...] | None = None
    whole: bool = False


class Movable(Struct, frozen=True, kw_only=True):
    """What a selection means: how many in all, how many of these in the trash, and the newest of them.

    Of `clashes` topics the other project would then have more than one memory.
    """

    matched: int
    in_trash: int
    clashes: int
    sample: tuple[Memory, ...]
