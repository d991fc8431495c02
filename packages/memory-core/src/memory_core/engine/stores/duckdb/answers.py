"""What requests that carried a key were answered, so that the same request again gets the same answer."""

from datetime import datetime

from memory_core.engine.ports import Answer
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import to_timestamp

READ = "SELECT request, answer FROM answers WHERE key = $key"
KEEP = "INSERT INTO answers VALUES ($key, $request, $answer, $at)"
FORGET = "DELETE FROM answers WHERE answered_at < $before"


def read(cursor: Cursor, key: str) -> Answer | None:
    rows = cursor.execute(READ, {"key": key}).fetchall()
    return Answer(request=rows[0][0], text=rows[0][1]) if rows else None


def keep(cursor: Cursor, key: str, answer: Answer, at: datetime) -> None:
    values = {"key": key, "request": answer.request, "answer": answer.text, "at": to_timestamp(at)}
    cursor.execute(KEEP, values).fetchall()


def forget(cursor: Cursor, before: datetime) -> None:
    cursor.execute(FORGET, {"before": to_timestamp(before)}).fetchall()
