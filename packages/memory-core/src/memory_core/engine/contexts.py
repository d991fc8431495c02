"""From a store to the context of a session or of a prompt: the blocking half, which runs in a thread of the service.

It decides what the store is asked; what of it is shown stays with `context`, what is relevant with `relevance`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from memory_core.engine import context
from memory_core.engine.ports import QueryVector, Rows, Wanted
from memory_core.engine.prompts import Asked
from memory_core.engine.searching import Searcher
from memory_core.types import MAX_LIMIT, PINNED, Context, ContextQuery, Memory

_SPARE = 50  # of each kind: repeats take no place


def of_session(store: Rows, query: ContextQuery, now: datetime) -> Context:
    total, found = store.opening(query, _wanted(query, now))
    told = _told_before(store, query)
    choice = context.choose(found, _budget(query), now=now, project_id=_project(query), told=told, total=total)
    return answered(choice, query)


def of_prompt(
    searcher: Searcher, asked: Asked, vector: QueryVector | None, query: ContextQuery, now: datetime
) -> Context:
    since = query.changed_after
    # What was told takes its place among the hits, and what has not changed since may take all of them.
    limit = MAX_LIMIT if since else min(MAX_LIMIT, query.max_memories + len(query.exclude))
    found = searcher.relevant(asked, vector, query, limit=limit)
    left = [each for each in found if since is None or each[0].updated_at >= since]
    told = _told_before(searcher.store, query)
    choice = context.choose_relevant(left, _budget(query), now=now, project_id=_project(query), told=told)
    return answered(choice, query)


def answered(choice: context.Choice, query: ContextQuery) -> Context:
    return Context(
        project_id=_project(query),
        has_context=bool(choice.memories),
        summary=choice.text,
        memories=choice.memories,
        tokens=choice.tokens,
        omitted=choice.omitted,
        chosen=choice.chosen,
    )


def _told_before(store: Rows, query: ContextQuery) -> Sequence[Memory]:
    return store.among(query.exclude) if query.exclude else ()


def _wanted(query: ContextQuery, now: datetime) -> Wanted:
    days = None if query.days is None else now - timedelta(days=query.days)
    return Wanted(
        each=query.max_memories + _SPARE,
        tag=PINNED,
        types=context.KINDS_OF_THEIR_OWN,
        changed_after=max(filter(None, (days, query.changed_after)), default=None),
        exclude=query.exclude,
    )


def _project(query: ContextQuery) -> str | None:
    return query.project_id if isinstance(query.project_id, str) and not query.global_search else None


def _budget(query: ContextQuery) -> context.Budget:
    return context.Budget(max_memories=query.max_memories, max_tokens=query.max_tokens)
