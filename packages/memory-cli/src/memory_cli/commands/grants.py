"""Commands about what was approved for connectors, such as claude.ai's."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Group, Parameter

from memory_cli.options import Here
from memory_cli.render import columns, one_line, when
from memory_core import key_words
from memory_core.errors import AmbiguousIdError, NotFoundError
from memory_core.grants import Grant, GrantList

grants = App(
    name="grants",
    help="Show which connectors were let in by OAuth, and let one in no more. Needs an admin key.",
    help_epilogue="",
    group_commands=Group("Commands"),
)


@grants.command(name="list")
async def list_(*, session: Here) -> None:
    """Show every grant, what it may, and when it was last used."""
    async with session.memories() as store:
        found = await store.grants.list()
    now = datetime.now(UTC)
    rows = [_row(grant, now) for grant in found.grants]
    session.out.give(found, columns(rows) if rows else "No connector was let in")


@grants.command
async def revoke(
    name: Annotated[str, Parameter(help="Its name or id, as `list` shows it.")], /, *, session: Here
) -> None:
    """Let a connector in no more, from its next request on. What it kept stays."""
    async with session.memories() as store:
        revoked = await store.grants.revoke(_one(await store.grants.list(), name).id)
    session.out.give(revoked, f"Revoked {revoked.name} ({one_line(revoked.client_name)})")


def _one(found: GrantList, name: str) -> Grant:
    """By its id, or by a name that is in use. Raises NotFoundError, AmbiguousIdError."""
    fitting = [grant for grant in found.grants if name == grant.id or (name == grant.name and not grant.revoked_at)]
    if not fitting:
        raise NotFoundError(f"there is no grant {one_line(name)!r}; `claude-memory grants list` shows them")
    if len(fitting) > 1:
        raise AmbiguousIdError(f"{one_line(name)!r} is the name of {len(fitting)} grants; use the id of one")
    return fitting[0]


def _row(grant: Grant, now: datetime) -> tuple[str, ...]:
    """Id, name, what it calls itself, what it may, when it was last used, and how it stands."""
    client = f"client {grant.client_id}" if grant.client_id else ""
    may = ", ".join(filter(None, (grant.scope.value, key_words.projects(grant.projects), client)))
    used = f"used {when(grant.last_used_at)}" if grant.last_used_at is not None else "never used"
    return grant.id, grant.name, f"“{grant.client_name}”", may, used, _standing(grant, now)


def _standing(grant: Grant, now: datetime) -> str:
    if grant.revoked_at is not None:
        return f"revoked {when(grant.revoked_at)}"
    return f"{'ended' if grant.expires_at <= now else 'until'} {when(grant.expires_at)}"
