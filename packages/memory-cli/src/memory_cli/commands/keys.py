"""Commands about the keys of a server that several machines use."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Group, Parameter

from memory_cli.options import Here, Yes, flag
from memory_cli.output import DeclinedError
from memory_cli.render import columns, one_line
from memory_cli.session import Session
from memory_core import key_words
from memory_core.errors import InvalidError
from memory_core.keys import IssuedKey, KeyScope, NewKey, Rotation
from memory_core.moments import coming, span

keys = App(
    name="keys",
    help="Make keys for the machines that use a server, and take them back. Needs an admin key.",
    help_epilogue="",
    group_commands=Group("Commands"),
)

Name = Annotated[str, Parameter(help="As `list` shows it.")]
Expires = Annotated[str | None, Parameter(help="When it ends: a date, a time, or a span from now on (12h, 90d).")]


@keys.command
async def create(
    name: Annotated[str, Parameter(help="Letters, digits and . _ @ -; it is never used again, and stands in history.")],
    /,
    *,
    scope: Annotated[KeyScope, Parameter(help="What it may; each may what the one before may.")] = KeyScope.WRITE,
    projects: Annotated[
        tuple[str, ...],
        Parameter(negative=(), show_default=False, help="Only these, separated by commas; -p names one, too."),
    ] = (),
    no_project: Annotated[bool, flag("Also, or only, the memories that belong to no project.")] = False,
    client_id: Annotated[str | None, Parameter(help="It speaks for this machine alone.")] = None,
    expires: Expires = None,
    max_memories: Annotated[int | None, Parameter(help="How many memories it may keep.")] = None,
    max_bytes: Annotated[int | None, Parameter(help="How many bytes it may keep.")] = None,
    session: Here,
) -> None:
    """Make a key, and show it once, with the lines that give it to a client. A pipe gets the key alone."""
    _require_server(session)
    now = datetime.now(UTC)
    new = NewKey(
        name=name,
        scope=scope,
        projects=_limits(session, projects, no_project=no_project),
        client_id=client_id,
        expires_at=None if expires is None else coming(expires, now=now),
        max_memories=max_memories,
        max_bytes=max_bytes,
    )
    async with session.memories() as store:
        _give(session, await store.keys.create(new), store.url)


@keys.command(name="list")
async def list_(*, session: Here) -> None:
    """Show every key there is or was, what it may, and when it was last used."""
    _require_server(session)
    async with session.memories() as store:
        found = await store.keys.list()
    now = datetime.now(UTC)
    rows = [key_words.row(key, now) for key in found.keys]
    session.out.give(found, columns(rows) if rows else "No keys but MEMORY_API_KEY of the server, if it is set")


@keys.command
async def revoke(name: Name, /, *, yes: Yes = False, session: Here) -> None:
    """Let a key end now, and for good. What it wrote stays."""
    _require_server(session)
    if not yes:
        _ask(session, f"Revoke the key {one_line(name)} now? Whoever uses it is locked out, and its name is gone.")
    async with session.memories() as store:
        revoked = await store.keys.revoke(name)
    session.out.give(revoked, f"Revoked {revoked.name}")


@keys.command
async def rotate(
    name: Name,
    /,
    *,
    overlap: Annotated[
        str, Parameter(help="How long what was sent until now goes on to work; 0: it ends now.")
    ] = "24h",
    expires: Expires = None,
    session: Here,
) -> None:
    """Issue a key anew under its name, and show it once. The one before works for a day yet; nobody is cut off."""
    _require_server(session)
    rotation = Rotation(
        overlap_s=int(span(overlap).total_seconds()),
        expires_at=None if expires is None else coming(expires, now=datetime.now(UTC)),
    )
    async with session.memories() as store:
        _give(session, await store.keys.rotate(name, rotation), store.url)


def _give(session: Session, key: IssuedKey, url: str) -> None:
    session.out.give(key, key_words.issued(key, url, datetime.now(UTC)) if session.out.is_terminal else key.key)


def _limits(session: Session, given: Sequence[str], *, no_project: bool) -> tuple[str, ...] | None:
    named = [name.strip() for text in given for name in text.split(",") if name.strip()]
    if session.names_project and session.project_id is not None:
        named.append(session.project_id)
    if given and not named:
        raise InvalidError("--projects names none; leave it out for all")
    limits = tuple(dict.fromkeys([*named, ""] if no_project else named))
    return limits or None


def _require_server(session: Session) -> None:
    if session.target.url is None:
        raise InvalidError(
            "this machine's own server has a key of its own, and no others; keys are for a server that other machines "
            "use: set MEMORY_SERVER"
        )


def _ask(session: Session, question: str) -> None:
    answer = session.out.confirms(question)
    if answer is None:
        raise InvalidError("revoke asks before it acts, and nobody is here to answer; add --yes")
    if not answer:
        raise DeclinedError("nothing was revoked")
