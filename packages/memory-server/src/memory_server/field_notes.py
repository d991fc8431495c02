"""What the fields of requests mean, and which values they take: for the OpenAPI document and the reference pages.

The structs check themselves, with sentences of their own; a test holds that what is said here is what they do.
"""

from typing import Any

from msgspec import Struct

from memory_core import checks, sessions
from memory_core.keys import DAY_S
from memory_core.types import MAX_EXCLUDED, Scope

Json = dict[str, Any]  # there is no narrower type for it

_SCORE: Json = {"minimum": 0, "maximum": 1}
_NAME: Json = {"minLength": 1, "maxLength": checks.MAX_NAME_CHARS}
_PATH: Json = {"minLength": 1, "maxLength": checks.MAX_PATH_CHARS}
_LIMIT: Json = {"minimum": 1, "maximum": checks.MAX_LIMIT}
_DAYS: Json = {"minimum": 0, "maximum": 36_500}
_TOKENS: Json = {"minimum": 50, "maximum": 20_000}
_AMOUNT: Json = {"minimum": 1}
_TIME = "ISO 8601; UTC where it names no zone"

_FILTERS: dict[str, tuple[str, Json]] = {
    "project_id": ("Only of this project; null: of no project. Left out: of the caller's, if it names one.", _NAME),
    "projects": ('Only of these projects; "" stands for no project.', {"maxItems": checks.MAX_PROJECTS}),
    "global_search": ("Of all projects, whatever project_id says.", {}),
    "include_global": ("Also the memories of no project.", {}),
    "memory_type": ("Only of this type.", {}),
    "tags": ("Only with these tags.", {"maxItems": checks.MAX_TAGS}),
    "tags_match": ("Whether any of the tags is enough, or all must be there.", {}),
    "client_id": ("Only what this machine kept.", _NAME),
    "session_id": ("Only what was kept in this session.", _NAME),
    "created_after": (f"Only what was kept later: {_TIME}.", {}),
    "created_before": (f"Only what was kept earlier: {_TIME}.", {}),
    "min_certainty": ("Only what is at least so certain.", _SCORE),
    "min_quality": ("Only what is at least of such quality.", _SCORE),
    "include_superseded": ("Also what another memory took the place of.", {}),
    "trashed": ("What lies in the trash, instead of what does not.", {}),
    "as_of": (f"Everything as it was at this moment: {_TIME}.", {}),
}
"""The fields of a Scope."""

_FIELDS: dict[str, tuple[str, Json]] = {
    "content": (f"The text: one self-contained statement, at most {checks.MAX_CONTENT_BYTES:,} bytes.", {}),
    "memory_type": ("What kind of memory it is.", {}),
    "tags": (f"Words to find it by, each of at most {checks.MAX_TAG_CHARS} characters.", {"maxItems": checks.MAX_TAGS}),
    "source": ("Where it comes from, in a few words.", _NAME),
    "project_id": ("The project it belongs to; null: every project. Left out: the caller's.", _NAME),
    "client_id": ("The machine that keeps it. Left out: the caller's.", _NAME),
    "session_id": ("The session it was kept in.", _NAME),
    "certainty_score": ("How sure it is.", _SCORE),
    "quality_score": ("How useful it is.", _SCORE),
    "expires_at": (f"When it leaves search and goes to the trash: {_TIME}.", {}),
    "review_by": (f"When somebody should look at it again; it stays all the same: {_TIME}.", {}),
    "topic_key": ("What it is about: the next memory of the project with the same key updates it.", _NAME),
    "supersedes": ("The id of a memory that it takes the place of.", _NAME),
    "limit": ("At most so many.", _LIMIT),
    "cursor": ("What the page before gave as next_cursor.", {}),
    "query": ("What to find; what stands in double quotes, word for word.", {"maxLength": checks.MAX_QUERY_CHARS}),
    "search_mode": ("By the words, by the meaning, or by both.", {}),
    "min_score": ("Only what scores at least so much.", _SCORE),
    "explain": ("Say of each hit why it stands where it stands.", {}),
    "older_than_days": ("Only what has been kept for so many days.", _DAYS),
    "content_contains": ("Only with this text in it, letter case aside.", {"minLength": 1}),
    "dry_run": ("Say what would be done, and do nothing.", {}),
    "revision": ("The number of the state to go back to. Left out: out of the trash, as it was.", {}),
    "memory_id": ("The id of a memory, or its unique beginning.", _NAME),
    "memory_ids": ("Only of these ids.", {"maxItems": checks.MAX_LIMIT}),
    "batch_id": ("The name of what was done to many at once, as its answer gave it.", _NAME),
    "keep": ("The id of the memory that stays.", _NAME),
    "other": ("The id of the one that is settled.", _NAME),
    "decision": ("What is to become of the two.", {}),
    "max_memories": ("At most so many memories.", _LIMIT),
    "max_tokens": ("At most so many tokens of text.", _TOKENS),
    "days": ("Only what has changed within so many days; not with query.", {"minimum": 1, "maximum": 36_500}),
    "exclude": ("Ids, in full, of memories that were told before.", {"maxItems": MAX_EXCLUDED}),
    "changed_after": (f"Only what has changed later: {_TIME}.", {}),
    "embedder": ("A word, or a word, a colon and a name, such as onnx:all-MiniLM-L6-v2; or none.", _NAME),
    "format": ("The format of the file.", {}),
    "bare": ("Only the memories, without their past states and vectors.", {}),
    "ignore_times": ("A memory that is here with another time is no conflict.", {}),
    "log_bytes": ("So many bytes at the end of the body are the write-ahead log of a DuckDB file.", {"minimum": 0}),
    "alias": ("The other name.", _NAME),
    "target": ("The project that they belong to from then on.", _NAME),
    "to": ("The project that they belong to from then on; null: no project.", _NAME),
    "directory": ("A directory of the caller's machine.", _PATH),
    "agent": ("Which agent it is, such as claude-code.", _NAME),
    "title": ("What the session is about.", _NAME),
    "status": ("Only those that are open, or have ended.", {}),
    "summary": ("What it came to.", {"maxLength": sessions.MAX_SUMMARY_CHARS}),
    "decisions": (f"What was decided, a line each, at most {sessions.MAX_LINES}.", {}),
    "open_questions": (f"What is still open, a line each, at most {sessions.MAX_LINES}.", {}),
    "topics": ("What it was about; they become tags.", {"maxItems": checks.MAX_TAGS}),
    "occasion": ("Why the session asks.", {}),
    "prompt": (f"What the user said; cut after {sessions.MAX_PROMPT_CHARS:,} characters.", {}),
    "kind": ("The end of a turn, or what stands for the conversation after a compaction.", {}),
    "text": (f"What was said; cut in its middle beyond {sessions.MAX_NOTE_CHARS:,} characters.", {}),
    "reason": ("The agent's word for why it ends.", _NAME),
    "verify": ("Restore it on trial, and compare.", {}),
    "integrity": ("Also read the whole store and check it, which takes a while.", {}),
    "before": ("The number of an entry: only what is older.", {}),
    "name": ("1 to 64 letters, digits and . _ @ -, the first a letter or a digit.", {}),
    "scope": ("What the key may do.", {}),
    "projects": (
        'The projects it reaches; "" stands for no project. Left out: all.',
        {"maxItems": checks.MAX_PROJECTS},
    ),
    "max_bytes": ("At most so many bytes of text.", _AMOUNT),
    "overlap_s": ("Seconds that the one before works yet.", {"minimum": 0, "maximum": 366 * DAY_S}),
}

_BUDGETS = ", ".join(f"{tokens:,} for {occasion.value}" for occasion, tokens in sessions.BUDGETS.items())
_OF_ONE: dict[str, tuple[str, Json]] = {
    "AuditQuery.limit": ("At most so many.", {"minimum": 1, "maximum": 1_000}),
    "ContextQuery.query": ("Only what is relevant to this, such as a prompt.", {"maxLength": checks.MAX_QUERY_CHARS}),
    "ContextRequest.max_tokens": (f"At most so many tokens of text. Left out: {_BUDGETS}.", _TOKENS),
    "ImportQuery.project_id": ("The project for memories that have none in the file.", _NAME),
    "MemoryPatch.project_id": ("The project it moves to; null: every project.", _NAME),
    "NewAlias.project_id": ("The project that it means.", _NAME),
    "NewKey.client_id": ("The one machine that it speaks for.", _NAME),
    "NewKey.expires_at": (f"When it ends: {_TIME}. Left out: never.", {}),
    "NewKey.max_memories": ("At most so many memories are kept with it.", _AMOUNT),
    "NewKey.max_bytes": ("At most so many bytes of text are kept with it.", _AMOUNT),
    "NewPlace.project_id": ("The project that it is. Left out: the caller's.", _NAME),
    "NewSession.session_id": ("The agent's name for it. Left out: it is given one.", _NAME),
    "NewSession.project_id": ("The project it works on. Left out: the caller's.", _NAME),
    "ProjectMerge.source": ("The project whose memories move.", _NAME),
    "ReviewQuery.project_id": ("Only of this project; null: of all. Left out: of the caller's.", _NAME),
    "Rotation.expires_at": (f"When the new one ends: {_TIME}. Left out: when the one before was to end.", {}),
    "SessionQuery.project_id": ("Only of this project; null: of no project. Left out: of the caller's.", _NAME),
    "SessionQuery.global_search": ("Of all projects, whatever project_id says.", {}),
    "SessionQuery.client_id": ("Only of this machine.", _NAME),
    "Settlement.content": ("The text of a merge. Left out: that of the memory that stays.", {}),
    "TrashQuery.older_than_days": ("Only what has lain there for so many days.", _DAYS),
}


def noted(kind: type[Struct], properties: Json) -> Json:
    """`properties`, the JSON schemas of the fields of `kind`, each with what is said of it here.

    Raises KeyError for a field that nobody has described.
    """
    filters = set(Scope.__struct_fields__) if issubclass(kind, Scope) else set()
    return {
        field: schema | (_note_of_one(kind, field) or note(field, filters=field in filters))
        for field, schema in properties.items()
    }


def note(field: str, *, filters: bool) -> Json:
    """`description` and limits of a field of what is kept, or of what says which memories are meant."""
    first, second = (_FILTERS, _FIELDS) if filters else (_FIELDS, _FILTERS)
    text, limits = first.get(field) or second[field]
    return {"description": text, **limits}


def _note_of_one(kind: type[Struct], field: str) -> Json | None:
    """Where the field means something of its own in `kind`."""
    for one in kind.__mro__:
        if (found := _OF_ONE.get(f"{one.__name__}.{field}")) is not None:
            return {"description": found[0], **found[1]}
    return None
