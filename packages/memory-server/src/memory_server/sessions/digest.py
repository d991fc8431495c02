"""What a session came to, taken from what was said in it: sentences by rules, and no model.

Pure, and the same for the same texts.
"""

from collections.abc import Sequence

from memory_core.sessions import SessionSummary
from memory_server.sessions.entries import Note


def digest(notes: Sequence[Note], *, title: str | None) -> SessionSummary:
    """Empty where nothing in `notes` says something. `title` is what was asked."""
    last = " ".join(notes[-1].text.split())[:600] if notes else ""
    asked = f"Asked: {title}. " if title and last else ""
    return SessionSummary(summary=f"{asked}{last}" or None)
