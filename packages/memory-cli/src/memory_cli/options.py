"""Options that several commands share: their spelling, their help, and what they become in a query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypedDict

from cyclopts import Parameter
from msgspec import UNSET, UnsetType

from memory_cli.session import Session
from memory_core.changes import ANYONE, By
from memory_core.errors import InvalidError
from memory_core.moments import moment
from memory_core.types import MemoryType, TagsMatch


def flag(text: str, name: str | Sequence[str] | None = None) -> Parameter:
    """An option without a value; that it is off by default needs no saying."""
    return Parameter(name=name, help=text, show_default=False)


STDIN = "\0stdin"
"""What a lone `-` becomes before parsing; no argument of a process can hold a NUL."""

THIS_PROJECT = "--this-project"
"""What `--project` becomes behind `setup`, where it has no value."""

Here = Annotated[Session, Parameter(parse=False)]
Id = Annotated[str, Parameter(help="The id of a memory, or the first four or more digits of it.")]
Tags = Annotated[
    tuple[str, ...],
    Parameter(
        name=["--tags", "-t"], negative=(), help="Tags, separated by commas; may be repeated.", show_default=False
    ),
]


def limit(of: str) -> Parameter:
    return Parameter(name=["--limit", "-n"], help=f"At most so many {of}, 1 to 200.")


Limit = Annotated[int, limit("memories")]
Global = Annotated[bool, flag("All projects, not the current one alone.", ["--global", "-g"])]


Yes = Annotated[bool, flag("Do not ask.", ["--yes", "-y"])]
Reason = Annotated[str | None, Parameter(help="Why; kept in the history.")]
AsOf = Annotated[str | None, Parameter(help="What was known then: a date (its end), a time or an age (7d).")]
Superseded = Annotated[bool, flag("Also what another memory took the place of.", "--superseded")]


def because(reason: str | None) -> By:
    return ANYONE if reason is None else By(reason=reason)


def past(text: str | None) -> datetime | None:
    """The moment that --as-of names."""
    return None if text is None else moment(text, now=datetime.now(UTC), end_of_day=True)


class ScopeFields(TypedDict, total=False):
    """What `Filters` sets of a Scope, ready for its constructor."""

    project_id: str | UnsetType | None
    global_search: bool
    memory_type: MemoryType | None
    tags: tuple[str, ...]
    tags_match: TagsMatch
    client_id: str | None
    session_id: str | None
    created_after: datetime | None
    created_before: datetime | None
    min_certainty: float | None
    min_quality: float | None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which memories are meant."""

    memory_type: Annotated[MemoryType | None, Parameter(name="--type", help="Only of this type.")] = None
    tags: Tags = ()
    tags_all: Annotated[bool, flag("With all of the tags, not any of them.")] = False
    client: Annotated[str | None, Parameter(help="Only what this machine kept.")] = None
    session_name: Annotated[str | None, Parameter(name="--session", help="Only of this session.")] = None
    since: Annotated[str | None, Parameter(help="Not older: a date, a time or an age (12h, 7d, 2w).")] = None
    until: Annotated[str | None, Parameter(help="Not newer; a date means its whole day.")] = None
    min_certainty: Annotated[float | None, Parameter(help="At least so certain, 0 to 1.")] = None
    min_quality: Annotated[float | None, Parameter(help="At least of such quality, 0 to 1.")] = None
    everywhere: Global = False
    no_project: Annotated[bool, flag("Only memories that belong to no project.")] = False

    def scope(self, session: Session) -> ScopeFields:
        """In a project: that project. Outside of one, or with --global: all memories."""
        if self.everywhere and self.no_project:
            raise InvalidError("--global and --no-project exclude each other")
        now = datetime.now(UTC)
        return ScopeFields(
            project_id=None if self.no_project else session.project_id or UNSET,
            global_search=self.everywhere or (session.project_id is None and not self.no_project),
            memory_type=self.memory_type,
            tags=split_tags(self.tags),
            tags_match=TagsMatch.ALL if self.tags_all else TagsMatch.ANY,
            client_id=self.client,
            session_id=self.session_name,
            created_after=None if self.since is None else moment(self.since, now=now),
            created_before=None if self.until is None else moment(self.until, now=now, end_of_day=True),
            min_certainty=self.min_certainty,
            min_quality=self.min_quality,
        )

    def narrow(self) -> bool:
        """Whether anything is left out by these filters, the project aside."""
        return self != Filters(everywhere=self.everywhere)

    def in_words(self, session: Session) -> str:
        """The scope, for a sentence: "project owner/repo"."""
        return scope_in_words(session, everywhere=self.everywhere, no_project=self.no_project)


NO_FILTERS = Filters()


def scope_in_words(session: Session, *, everywhere: bool, no_project: bool = False) -> str:
    if no_project:
        return "the memories of no project"
    if everywhere or session.project_id is None:
        return "all projects"
    return f"project {session.project_id}"


def split_tags(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tag.strip() for text in given for tag in text.split(",") if tag.strip())
