"""The summary of a session as the text of a memory, and back.

A person reads and edits it, so it is plain: the summary, then two lists under their headings. What someone wrote in
another form is all summary.
"""

from collections.abc import Sequence

from memory_core.sessions import MAX_LINE_CHARS, MAX_LINES, MAX_SUMMARY_CHARS, SessionSummary

_DECISIONS = "Decisions:"
_OPEN = "Open questions:"
_ITEM = "- "


def written(said: SessionSummary) -> str:
    """`topics` are no part of it: they are the memory's tags."""
    parts = [(said.summary or "").strip()]
    for heading, lines in ((_DECISIONS, said.decisions), (_OPEN, said.open_questions)):
        if lines:
            parts.append("\n".join([heading, *(f"{_ITEM}{' '.join(line.split())}" for line in lines)]))
    return "\n\n".join(part for part in parts if part)


def read(content: str, tags: Sequence[str] = ()) -> SessionSummary:
    """What `written` wrote, or a person made of it. What is longer than a summary may be is cut."""
    lists: dict[str, list[str]] = {_DECISIONS: [], _OPEN: []}
    summary: list[str] = []
    current: list[str] | None = None
    for line in content.splitlines():
        stripped = line.strip()
        if stripped in lists:
            current = lists[stripped]
        elif current is not None and stripped.startswith(_ITEM):
            current.append(stripped.removeprefix(_ITEM).strip()[:MAX_LINE_CHARS])
        elif current is None or stripped:
            current = None
            summary.append(line)
    return SessionSummary(
        summary="\n".join(summary).strip()[:MAX_SUMMARY_CHARS] or None,
        decisions=tuple(filter(None, lists[_DECISIONS]))[:MAX_LINES],
        open_questions=tuple(filter(None, lists[_OPEN]))[:MAX_LINES],
        topics=tuple(tags),
    )
