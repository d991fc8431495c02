"""Commands that write single memories: add, update, delete, restore."""

import sys
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter
from msgspec import UNSET, UnsetType

from memory_cli.options import STDIN, Here, Id, Reason, Tags, because, flag, split_tags
from memory_cli.render import kept, memory_in_full, nearly_the_same, short_id
from memory_core.errors import InvalidError
from memory_core.moments import coming
from memory_core.types import DEFAULT_SCORE, MemoryPatch, MemoryType, NewMemory

Certainty = Annotated[float | None, Parameter(help="How sure it is, 0 to 1.")]
Quality = Annotated[float | None, Parameter(help="How useful it is, 0 to 1.")]


Expires = Annotated[
    str | None, Parameter(name=["--expires", "--ttl"], help="When it goes: a date, a time, or a span such as 7d.")
]
ReviewBy = Annotated[str | None, Parameter(help="When somebody should look at it again; it stays all the same.")]
Topic = Annotated[str | None, Parameter(name="--topic", help="The next memory with this key updates it.")]


async def add(
    content: Annotated[str, Parameter(help="The text; `-` reads it from standard input.")],
    /,
    *,
    memory_type: Annotated[MemoryType, Parameter(name="--type", help="What kind of memory.")] = MemoryType.OBSERVATION,
    tags: Tags = (),
    source: Annotated[str | None, Parameter(name=["--source", "-s"], help="Where it comes from.")] = None,
    session_name: Annotated[str | None, Parameter(name="--session", help="The session it belongs to.")] = None,
    no_project: Annotated[bool, flag("Keep it for every project.")] = False,
    certainty: Certainty = None,
    quality: Quality = None,
    expires: Expires = None,
    review_by: ReviewBy = None,
    topic: Topic = None,
    supersedes: Annotated[str | None, Parameter(help="The id of the memory that it takes the place of.")] = None,
    reason: Reason = None,
    session: Here,
) -> None:
    """Keep a memory, in the current project if there is one.

    Prints its id. What is here word for word is not kept twice; what is nearly the same is named.
    """
    new = NewMemory(
        content=read_text(content),
        memory_type=memory_type,
        tags=split_tags(tags),
        source=source,
        session_id=session_name,
        project_id=None if no_project else session.project_id,
        certainty_score=DEFAULT_SCORE if certainty is None else certainty,
        quality_score=DEFAULT_SCORE if quality is None else quality,
        expires_at=_ahead(expires),
        review_by=_ahead(review_by),
        topic_key=topic,
        supersedes=supersedes,
    )
    async with session.memories(keeping=True) as memories:
        memory = await memories.add(new, by=because(reason))
    session.out.give(memory, kept(memory) if session.out.is_terminal else short_id(memory))
    session.out.left_out(memory.redacted)
    if not session.out.as_json:
        for line in nearly_the_same(memory):
            session.out.note(line)


async def update(
    memory_id: Id,
    /,
    content: Annotated[str | None, Parameter(help="The new text; `-` reads it from standard input.")] = None,
    *,
    memory_type: Annotated[MemoryType | None, Parameter(name="--type", help="Its new type.")] = None,
    tags: Tags = (),
    no_tags: Annotated[bool, flag("Take all its tags away.")] = False,
    source: Annotated[str | None, Parameter(name=["--source", "-s"], help="Where it comes from.")] = None,
    to_project: Annotated[str | None, Parameter(help="Move it to this project.")] = None,
    no_project: Annotated[bool, flag("Take it out of its project, for every project.")] = False,
    certainty: Certainty = None,
    quality: Quality = None,
    expires: Expires = None,
    no_expiry: Annotated[bool, flag("It no longer expires.")] = False,
    review_by: ReviewBy = None,
    reviewed: Annotated[bool, flag("Somebody has looked at it; it needs no other look.")] = False,
    topic: Topic = None,
    reason: Reason = None,
    session: Here,
) -> None:
    """Change a memory; what is not named stays. Tags given replace all that it has."""
    if no_project and to_project is not None:
        raise InvalidError("--to-project and --no-project exclude each other")
    if no_tags and tags:
        raise InvalidError("--tags and --no-tags exclude each other")
    if no_expiry and expires is not None:
        raise InvalidError("--expires and --no-expiry exclude each other")
    if reviewed and review_by is not None:
        raise InvalidError("--review-by and --reviewed exclude each other")
    project_id: str | UnsetType | None = UNSET if to_project is None else to_project
    patch = MemoryPatch(
        content=UNSET if content is None else read_text(content),
        memory_type=UNSET if memory_type is None else memory_type,
        tags=split_tags(tags) if tags or no_tags else UNSET,
        source=UNSET if source is None else source,
        project_id=None if no_project else project_id,
        certainty_score=UNSET if certainty is None else certainty,
        quality_score=UNSET if quality is None else quality,
        expires_at=None if no_expiry else _ahead(expires) or UNSET,
        review_by=None if reviewed else _ahead(review_by) or UNSET,
        topic_key=UNSET if topic is None else topic,
    )
    if not patch.changes():
        raise InvalidError("nothing to change: name what should be another, such as --content, --type or --tags")
    async with session.memories(keeping=True) as memories:
        memory = await memories.update(memory_id, patch, by=because(reason))
    session.out.give(memory, memory_in_full(memory) if session.out.is_terminal else short_id(memory))
    session.out.left_out(memory.redacted)


async def delete(memory_id: Id, /, *, reason: Reason = None, session: Here) -> None:
    """Move a memory to the trash; `restore` brings it back."""
    async with session.memories(keeping=True) as memories:
        memory = await memories.delete(memory_id, by=because(reason))
    name = short_id(memory)
    session.out.give(memory, f"Moved {name} to the trash; `claude-memory restore {name}` brings it back")


async def restore(
    memory_id: Id,
    /,
    *,
    revision: Annotated[int | None, Parameter(help="The number of the state to go back to; see `history`.")] = None,
    reason: Reason = None,
    session: Here,
) -> None:
    """Bring a memory back from the trash, or back to what it was."""
    async with session.memories(keeping=True) as memories:
        memory = await memories.restore(memory_id, revision=revision, by=because(reason))
    name = short_id(memory)
    said = "from the trash" if revision is None else f"to what it was at revision {revision}"
    session.out.give(memory, f"Brought {name} back {said}")


def _ahead(text: str | None) -> datetime | None:
    return None if text is None else coming(text, now=datetime.now(UTC))


def read_text(content: str) -> str:
    if content != STDIN:
        return content
    if sys.stdin.isatty():
        sys.stderr.write("claude-memory: reading the memory from the keyboard; end it with Ctrl-D\n")
    try:
        return sys.stdin.buffer.read().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InvalidError(f"standard input is not UTF-8 text (byte {error.start:,})") from error
