"""Sessions as rows of the journal, and the statements that ask and change them."""

import sqlite3

from memory_core.sessions import Author, NoteKind, Occasion, Shown
from memory_server.microseconds import moment
from memory_server.sessions.entries import Note, Row

FIELDS = """
    session_id, project_id, client_id, agent, directory, title, started_at, last_seen_at, window_at, told_at, noted_at,
    summed_at, ended_at, end_reason, memory_id, written_by, written, key, quota,
    (SELECT count(*) FROM shown WHERE shown.session_id = sessions.session_id) AS told
"""
ONE = f"SELECT {FIELDS} FROM sessions WHERE session_id = :session_id"
# What lies between a beginning and the first text that no longer has it: the primary key finds that.
LIKE = f"""
    SELECT {FIELDS} FROM sessions
    WHERE session_id >= :beginning AND session_id < :beginning || char(1114111)
    ORDER BY session_id LIMIT :limit
"""
BEGIN = """
    INSERT INTO sessions (session_id, project_id, client_id, agent, directory, title, started_at, last_seen_at)
    VALUES (:session_id, :project_id, :client_id, :agent, :directory, :title, :at, :at)
    ON CONFLICT DO NOTHING
"""
GO_ON = """
    UPDATE sessions SET
        last_seen_at = max(last_seen_at, :at),
        client_id = ifnull(client_id, :client_id),
        agent = ifnull(:agent, agent),
        directory = ifnull(:directory, directory),
        title = ifnull(title, :title),
        ended_at = CASE WHEN ended_at < :opens_after THEN NULL ELSE ended_at END,
        end_reason = CASE WHEN ended_at < :opens_after THEN NULL ELSE end_reason END
    WHERE session_id = :session_id
"""
PAGE = f"""
    SELECT {FIELDS} FROM sessions
    WHERE (:projects IS NULL OR ifnull(project_id, '') IN (SELECT value FROM json_each(:projects)))
        AND (:client_id IS NULL OR client_id = :client_id)
        AND (:is_open IS NULL OR (ended_at IS NULL) = :is_open)
        AND (:before_at IS NULL OR (last_seen_at, session_id) < (:before_at, :before_id))
    ORDER BY last_seen_at DESC, session_id DESC LIMIT :limit
"""
OPEN = f"""
    SELECT {FIELDS} FROM sessions
    WHERE ended_at IS NULL AND client_id IS :client_id
        AND ifnull(project_id, '') IN (SELECT value FROM json_each(:projects))
    ORDER BY last_seen_at DESC LIMIT :limit
"""
TOLD = """
    INSERT INTO shown (session_id, at, place, memory_id, occasion, tokens, section, why)
    VALUES (:session_id, :at, :place, :memory_id, :occasion, :tokens, :section, :why)
"""
TOLD_UNTIL = """
    UPDATE sessions SET told_at = :at, window_at = CASE WHEN :everything THEN :at ELSE window_at END
    WHERE session_id = :session_id
"""
# What a subagent was told, the session itself never saw.
TOLD_SINCE = """
    SELECT DISTINCT memory_id FROM shown
    WHERE session_id = :session_id AND at >= :since AND occasion <> 'subagent'
    ORDER BY at DESC LIMIT :limit
"""
SHOWN = """
    SELECT at, memory_id, occasion, tokens, section, why FROM shown
    WHERE session_id = :session_id ORDER BY at DESC, place LIMIT :limit
"""
NOTE = """
    INSERT INTO notes (session_id, digest, at, kind, text) VALUES (:session_id, :digest, :at, :kind, :text)
    ON CONFLICT DO NOTHING
"""
NOTED = """
    UPDATE sessions SET noted_at = max(ifnull(noted_at, 0) + 1, :now), key = :key, quota = :quota
    WHERE session_id = :session_id
"""
NOTES = "SELECT at, kind, text FROM notes WHERE session_id = :session_id ORDER BY at, rowid"
# Of a very long session the latest; a compaction says what was before it.
FORGET_NOTES_BEYOND = """
    DELETE FROM notes WHERE session_id = :session_id AND rowid NOT IN
        (SELECT rowid FROM notes WHERE session_id = :session_id ORDER BY at DESC, rowid DESC LIMIT :most)
"""
SUMMED = """
    UPDATE sessions SET
        summed_at = :until, memory_id = :memory_id, written_by = :written_by, written = :written
    WHERE session_id = :session_id
"""
SUMMED_UNTIL = "UPDATE sessions SET summed_at = :until WHERE session_id = :session_id"
END = "UPDATE sessions SET ended_at = :at, end_reason = :reason WHERE session_id = :session_id"
FORGET = tuple(f"DELETE FROM {table} WHERE session_id = :session_id" for table in ("notes", "shown", "sessions"))

UNSUMMED = f"""
    SELECT {FIELDS} FROM sessions
    WHERE noted_at > ifnull(summed_at, 0) AND (ended_at IS NOT NULL OR last_seen_at < :silent_since)
    ORDER BY last_seen_at LIMIT :limit
"""
END_SILENT = """
    UPDATE sessions SET ended_at = last_seen_at, end_reason = 'silent'
    WHERE ended_at IS NULL AND last_seen_at < :silent_since
"""
# Not what is in no memory yet, unless its session is gone.
DROP_NOTES = """
    DELETE FROM notes WHERE at < :before AND session_id NOT IN
        (SELECT session_id FROM sessions WHERE noted_at > ifnull(summed_at, 0))
"""
DROP_SHOWN = "DELETE FROM shown WHERE at < :before"
DROP_SESSIONS = "DELETE FROM sessions WHERE last_seen_at < :before"
# Of these there is nothing to tell.
DROP_EMPTY_SESSIONS = "DELETE FROM sessions WHERE last_seen_at < :before AND noted_at IS NULL AND memory_id IS NULL"


def row_of(row: sqlite3.Row) -> Row:
    fields = {name: row[name] for name in Row.__struct_fields__}
    fields |= {name: moment(row[name]) for name in fields if name.endswith("_at") and row[name] is not None}
    return Row(**fields | {"written_by": Author(row["written_by"]) if row["written_by"] else None})


def note_of(row: sqlite3.Row) -> Note:
    return Note(at=moment(row["at"]), kind=NoteKind(row["kind"]), text=row["text"])


def shown_of(row: sqlite3.Row) -> Shown:
    return Shown(
        memory_id=row["memory_id"],
        occasion=Occasion(row["occasion"]),
        at=moment(row["at"]),
        tokens=row["tokens"],
        section=row["section"],
        why=row["why"],
    )
