"""Commands that read: search, context, stats, get, list, similar."""

from typing import Annotated

from cyclopts import Parameter
from msgspec import UNSET

from memory_cli.explained import explained
from memory_cli.options import (
    NO_FILTERS,
    AsOf,
    Filters,
    Global,
    Here,
    Id,
    Limit,
    Superseded,
    flag,
    past,
    scope_in_words,
)
from memory_cli.output import Output
from memory_cli.patience import found_in_time
from memory_cli.render import memory_in_full, visible
from memory_cli.session import Session
from memory_cli.session_words import chosen_text, told_text
from memory_cli.store_words import stats_text
from memory_core.errors import InvalidError
from memory_core.types import ContextQuery, ListQuery, Scope, SearchMode, SearchQuery, SearchResult


async def search(
    *words: Annotated[str, Parameter(help="What to look for; without it, the newest memories.")],
    query: Annotated[str | None, Parameter(name=["--query", "-q"], help="The same, as a flag.")] = None,
    mode: Annotated[
        SearchMode, Parameter(name=["--mode", "-m"], help="By the words, by the meaning, or by both.")
    ] = SearchMode.HYBRID,
    filters: Filters = NO_FILTERS,
    limit: Limit = 20,
    min_score: Annotated[float | None, Parameter(help="Leave out what scores less, 0 to 1.")] = None,
    as_of: AsOf = None,
    superseded: Superseded = False,
    explain: Annotated[bool, flag("Say of each memory why it stands where it stands.", ["--explain", "-e"])] = False,
    session: Here,
) -> None:
    """Find memories, best first.

    In a project: its memories and those of no project. Outside of one: all memories.
    What stands in double quotes within the query is looked for word for word.
    """
    if words and query is not None:
        raise InvalidError("the query is given twice; write it once, with or without --query")
    wanted = SearchQuery(
        query=" ".join(words) if query is None else query,
        search_mode=mode,
        limit=limit,
        min_score=min_score,
        include_global=True,
        explain=explain,
        as_of=past(as_of),
        include_superseded=superseded,
        **filters.scope(session),
    )
    async with session.memories() as memories:
        found = await found_in_time(memories, wanted, note=session.out.note)
    _show(session.out, found, session.project_id, nothing=f"nothing found in {filters.in_words(session)}")


async def similar(memory_id: Id, /, *, limit: Limit = 10, session: Here) -> None:
    """Find memories whose meaning is near that of one."""
    async with session.memories() as memories:
        found = await memories.similar(memory_id, limit=limit)
    _show(session.out, found, session.project_id, nothing="nothing similar found")


async def list_(
    *,
    filters: Filters = NO_FILTERS,
    limit: Limit = 20,
    trash: Annotated[bool, flag("What lies in the trash.")] = False,
    as_of: AsOf = None,
    superseded: Superseded = False,
    cursor: Annotated[str | None, Parameter(help="Go on where the list before ended: its `next_cursor`.")] = None,
    session: Here,
) -> None:
    """Show the newest memories.

    In a project: its own memories, no others. Outside of one: all memories.
    """
    query = ListQuery(
        limit=limit,
        trashed=trash,
        cursor=cursor,
        as_of=past(as_of),
        include_superseded=superseded,
        **filters.scope(session),
    )
    async with session.memories() as memories:
        page = await memories.list(query)
    if session.out.as_json:
        session.out.json(page)
        return
    session.out.memories(page.memories, project_id=session.project_id)
    if not page.memories:
        session.out.note(f"nothing kept yet in {filters.in_words(session)}")
    elif page.next_cursor is not None:
        session.out.note(f"there are more; the next ones: --cursor {page.next_cursor}")


async def get(memory_id: Id, /, *, session: Here) -> None:
    """Show one memory in full."""
    async with session.memories() as memories:
        memory = await memories.get(memory_id)
    session.out.give(memory, memory_in_full(memory))


async def context(
    *,
    max_memories: Annotated[int, Parameter(name=["--max", "-n"], help="At most so many memories, 1 to 200.")] = 30,
    max_tokens: Annotated[int, Parameter(help="At most about so many tokens, 50 to 20000.")] = 1500,
    days: Annotated[int | None, Parameter(name=["--days", "-d"], help="Only what changed in so many days.")] = None,
    prompt: Annotated[
        str | None, Parameter(name=["--query", "-q"], help="Only what is relevant to this, such as a prompt.")
    ] = None,
    as_of: AsOf = None,
    everywhere: Global = False,
    session_name: Annotated[
        str | None, Parameter(name="--session", help="What that session was told, when and on which occasion.")
    ] = None,
    explain: Annotated[bool, flag("Say of each memory why it is there.", ["--explain", "-e"])] = False,
    session: Here,
) -> None:
    """Show what should open a session: what is pinned, the last session, decisions, preferences, facts.

    In a project: its memories and those of no project. Outside of one: all memories.
    """
    if session_name is not None:
        await _told(session, session_name, explain=explain)
        return
    query = ContextQuery(
        max_memories=max_memories,
        max_tokens=max_tokens,
        days=days,
        query=prompt,
        as_of=past(as_of),
        project_id=session.project_id or UNSET,
        global_search=everywhere or session.project_id is None,
    )
    async with session.memories() as memories:
        found = await memories.context(query)
    if session.out.as_json:
        session.out.json(found)
    elif found.has_context:
        session.out.say(visible(found.summary).rstrip("\n"))
        if explain:
            session.out.say(f"\n{chosen_text(found)}")
    else:
        nothing = "nothing relevant to this is kept" if prompt else "nothing kept yet"
        session.out.note(f"{nothing} in {scope_in_words(session, everywhere=everywhere)}")


async def _told(session: Session, name: str, *, explain: bool) -> None:
    async with session.memories() as store:
        told = await store.sessions.shown(name)
    if told.shown or session.out.as_json:
        session.out.give(told, told_text(told, why=explain))
    else:
        session.out.note(f"session {told.session_id} was told nothing yet")


async def stats(*, filters: Filters = NO_FILTERS, session: Here) -> None:
    """Count the memories of the current project; outside of one, or with --global, of all."""
    scope = Scope(**filters.scope(session))
    async with session.memories() as memories:
        counted = await memories.stats(scope)
    session.out.give(counted, stats_text(counted, scope=filters.in_words(session)))


def _show(out: Output, found: SearchResult, project_id: str | None, *, nothing: str) -> None:
    if out.as_json:
        out.json(found)
    elif any(hit.why is not UNSET for hit in found.results):
        out.say("\n".join(explained(hit) for hit in found.results))
    else:
        out.memories(found.results, project_id=project_id)
    if not (found.results or out.as_json):
        out.note(nothing)
    if found.notice is not None:
        out.note(found.notice)
