"""Whether the parts of a store fit together. Each question counts what does not; a healthy store answers 0 to all.

Postings and vectors of a revision that is gone are no fault: they join nothing, and `maintain` clears them. They are
`remains`, asked for apart.
"""

from collections.abc import Callable, Iterator, Mapping

from memory_core.diagnosis import Flaw, FlawKind
from memory_core.engine.backups.ports import GoOn
from memory_core.engine.stores.duckdb import vectors
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.dump import TABLES, digest_of

PAGE = 5_000  # contents at a time

_STATES = """
(SELECT id, revision, doc, dl, content_digest FROM memories
 UNION ALL SELECT id, revision, doc, dl, content_digest FROM revisions)
"""
_DOCS = "(SELECT doc FROM memories UNION ALL SELECT doc FROM revisions)"
_POSTINGS = "(SELECT doc, tf, dl FROM postings UNION ALL SELECT doc, tf, dl FROM postings_delta)"

UNINDEXED = f"""
SELECT count(DISTINCT id) FROM {_STATES} AS state LEFT JOIN (
    SELECT doc, sum(tf) AS terms, min(dl) AS least, max(dl) AS most FROM {_POSTINGS} GROUP BY doc
) AS indexed USING (doc)
WHERE coalesce(indexed.terms, 0) <> state.dl OR least <> state.dl OR most <> state.dl
"""
SHARED = f"SELECT count(*) FROM (SELECT doc FROM {_STATES} GROUP BY doc HAVING count(DISTINCT id) > 1)"
LAST_GIVEN = """
SELECT coalesce(last_value, start_value - 1) FROM duckdb_sequences()
WHERE sequence_name = 'doc_seq' AND database_name = current_database()
"""
# A number that the sequence has not given yet would one day be another memory's.
NEVER_GIVEN = f"""
SELECT count(*) FROM (
    SELECT doc FROM {_STATES} UNION ALL SELECT doc FROM {_POSTINGS} UNION ALL SELECT doc FROM unembedded
) WHERE doc > ({LAST_GIVEN})
"""
# A history may begin with another number than 1: it need not have come here with a memory.
GAPS = f"""
SELECT count(*) FROM (
    SELECT id FROM {_STATES} GROUP BY id
    HAVING count(*) <> max(revision) - min(revision) + 1 OR count(DISTINCT revision) <> count(*)
)
"""
OUTRUN = """
SELECT count(*) FROM memories JOIN (SELECT id, max(revision) AS last FROM revisions GROUP BY id) AS past USING (id)
WHERE past.last >= memories.revision
"""
WITHOUT_MEMORY = "SELECT count(DISTINCT id) FROM revisions WHERE id NOT IN (SELECT id FROM memories)"
UNCHAINED = """
SELECT count(DISTINCT id) FROM (
    SELECT id, revision, changed_at, valid_to, lead(revision) OVER states AS next,
        lead(changed_at) OVER states AS next_at
    FROM (
        SELECT id, revision, changed_at, valid_to FROM revisions
        UNION ALL SELECT id, revision, changed_at, NULL FROM memories
    ) WINDOW states AS (PARTITION BY id ORDER BY revision)
) WHERE valid_to < changed_at OR (next = revision + 1 AND valid_to <> next_at)
"""
SUPERSEDED_BY_NOTHING = """
SELECT count(*) FROM memories WHERE superseded_by IS NOT NULL AND superseded_by NOT IN (SELECT id FROM memories)
"""
QUEUED_IN_VAIN = """
SELECT count(*) FROM unembedded
WHERE doc NOT IN (SELECT doc FROM memories WHERE deleted_at IS NULL) OR doc IN {vectors}
    OR doc IN (SELECT doc FROM unembedded GROUP BY doc HAVING count(*) > 1)
"""
FORGOTTEN = """
SELECT count(*) FROM memories
WHERE deleted_at IS NULL AND doc NOT IN {vectors} AND doc NOT IN (SELECT doc FROM unembedded)
"""
NUMBERED_WRONGLY = """
SELECT doc FROM {vectors} GROUP BY doc HAVING count(*) <> max(piece) + 1 OR min(piece) <> 0
"""
DEAD_POSTINGS = f"SELECT count(DISTINCT doc) FROM {_POSTINGS} WHERE doc NOT IN {_DOCS}"
DEAD_VECTORS = f"SELECT count(DISTINCT doc) FROM {{vectors}} WHERE doc NOT IN {_DOCS}"
DEAD_LINKS = """
SELECT count(*) FROM links WHERE newer NOT IN (SELECT id FROM memories) OR older NOT IN (SELECT id FROM memories)
"""
DEAD_UNCOMPARED = "SELECT count(*) FROM uncompared WHERE id NOT IN (SELECT id FROM memories)"
# Whoever says such a name would get another answer each time that it is looked up, or none.
ALIASES_OF_ALIASES = "SELECT count(*) FROM project_aliases WHERE project_id IN (SELECT alias FROM project_aliases)"
UNDER_AN_ALIAS = "SELECT count(*) FROM memories WHERE project_id IN (SELECT alias FROM project_aliases)"
CONTENTS = """
SELECT id, content, content_digest FROM memories UNION ALL SELECT id, content, content_digest FROM revisions
"""
NO_VECTORS = "(SELECT NULL::BIGINT WHERE false)"

_Questions = Mapping[str, tuple[FlawKind, str]]
REPAIRABLE, LASTING = FlawKind.REPAIRABLE, FlawKind.LASTING
QUESTIONS: _Questions = {
    "memories whose words are not all in the index": (REPAIRABLE, UNINDEXED),
    "revisions that two memories share": (LASTING, SHARED),
    "rows of a revision that was never made": (REPAIRABLE, NEVER_GIVEN),
    "memories with a gap in their history": (LASTING, GAPS),
    "memories that a state from before has the number of": (LASTING, OUTRUN),
    "histories whose memory is gone": (LASTING, WITHOUT_MEMORY),
    "memories whose states do not follow one another in time": (FlawKind.NOTED, UNCHAINED),
    "memories superseded by one that is gone": (FlawKind.NOTED, SUPERSEDED_BY_NOTHING),
    "names of projects that mean another alias": (LASTING, ALIASES_OF_ALIASES),
    "memories of a project whose name means another one": (LASTING, UNDER_AN_ALIAS),
}
OF_THE_QUEUE: _Questions = {
    "entries of the embedding queue for what has no need of it": (REPAIRABLE, QUEUED_IN_VAIN),
    "memories that have no vector and do not wait for one": (REPAIRABLE, FORGOTTEN),
}
REMAINS: _Questions = {
    "documents in the index whose memory is gone": (FlawKind.REMAINS, DEAD_POSTINGS),
    "links of memories that are gone": (FlawKind.REMAINS, DEAD_LINKS),
    "memories waiting to be compared that are gone": (FlawKind.REMAINS, DEAD_UNCOMPARED),
}


def flaws(cursor: Cursor) -> list[Flaw]:
    """What does not fit, in the rows themselves; empty for a healthy store."""
    return [*_answers(cursor, QUESTIONS), *_of_vectors(cursor)]


def examine(cursor: Cursor, digest: Callable[[str], int], go_on: GoOn) -> list[Flaw]:
    """All of it: every block is read, and `digest` asked of every content."""
    for name, _ in cursor.execute(TABLES).fetchall():
        go_on()
        digest_of(cursor, name)
    found: list[Flaw] = []
    for part in (flaws, _remains):
        go_on()
        found += part(cursor)
    if wrong := wrong_digests(cursor, digest, go_on):
        found.append(Flaw(kind=REPAIRABLE, count=wrong, what="memories whose repeats would not be recognised"))
    return found


def count(cursor: Cursor, question: str) -> int:
    return int(cursor.execute(question).fetchall()[0][0])


def index_is_wrong(cursor: Cursor, digest: Callable[[str], int], go_on: GoOn) -> bool:
    return bool(count(cursor, UNINDEXED) or wrong_digests(cursor, digest, go_on))


def queue_is_wrong(cursor: Cursor) -> bool:
    return any(count(cursor, question.format(vectors=embedded(cursor))) for _, question in OF_THE_QUEUE.values())


def embedded(cursor: Cursor) -> str:
    """A query of what has vectors of the current model."""
    current = vectors.current_table(cursor)
    return NO_VECTORS if current is None else f"(SELECT doc FROM {current.name})"


def wrong_digests(cursor: Cursor, digest: Callable[[str], int], go_on: GoOn) -> int:
    wrong: set[str] = set()
    rows = cursor.execute(CONTENTS)
    while page := rows.fetchmany(PAGE):
        go_on()
        wrong.update(memory_id for memory_id, content, kept in page if digest(content) != kept)
    return len(wrong)


def _of_vectors(cursor: Cursor) -> Iterator[Flaw]:
    yield from _answers(cursor, OF_THE_QUEUE, of=embedded(cursor))
    current = vectors.current_table(cursor)
    if current is not None:
        wrong = len(cursor.execute(NUMBERED_WRONGLY.format(vectors=current.name)).fetchall())
        if wrong:
            yield Flaw(kind=REPAIRABLE, count=wrong, what="memories whose pieces are not numbered through")


def _remains(cursor: Cursor) -> Iterator[Flaw]:
    yield from _answers(cursor, REMAINS)
    dead = sum(count(cursor, DEAD_VECTORS.format(vectors=table.name)) for table in vectors.all_tables(cursor))
    if dead:
        yield Flaw(kind=FlawKind.REMAINS, count=dead, what="documents with vectors whose memory is gone")


def _answers(cursor: Cursor, questions: _Questions, of: str = NO_VECTORS) -> Iterator[Flaw]:
    for what, (kind, question) in questions.items():
        if found := count(cursor, question.replace("{vectors}", of)):
            yield Flaw(kind=kind, count=found, what=what)
