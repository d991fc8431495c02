"""How a memory is told in one line of a context, and about how many tokens that takes. Pure."""

import re
from datetime import datetime

from memory_core.types import Memory
from memory_core.visible import one_line, unfenced

# One token a character: Chinese, Japanese, Korean and the other scripts that tokenizers cut finely.
_DENSE = re.compile(
    "[\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3000-\u9fff\uac00-\ud7af\uf900-\uffef\U00010000-\U0010ffff]"
)
_SHORT_ID = 8
_NAME_CHARS = 100


def estimate_tokens(text: str) -> int:
    """About how many tokens a language model reads: four characters make one, a dense script's character is one."""
    dense = 0 if text.isascii() else len(_DENSE.findall(text))
    return dense + -(-(len(text) - dense) // 4)


def age(moment: datetime, now: datetime) -> str:
    days = (now - moment).days
    if days < 1:
        return "today"
    for unit, length in (("year", 365), ("month", 30), ("week", 7), ("day", 1)):
        if days >= length * (1 if unit == "day" else 2):
            count = days // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    raise AssertionError(days)  # a day or more is at least one day


def name(text: str) -> str:
    """A project or a machine, as it is shown."""
    return unfenced(one_line(text))[:_NAME_CHARS]


def origin(memory: Memory, now: datetime, *, kind: str | None = None) -> str:
    """Its short id, what it is where the heading does not say it, its age, and the machine that it comes from."""
    parts = [memory.id[:_SHORT_ID], kind, age(memory.updated_at, now), name(memory.client_id or "")]
    return ", ".join(filter(None, parts))


def line(text: str, origin: str, *, most_tokens: int | None = None) -> str:
    """`text` comes from others, so it cannot leave its line or the fence. Of a longer one, the beginning."""
    shown = unfenced(one_line(text))
    return f"- {shown if most_tokens is None else _cut(shown, most_tokens)} ({origin})"


def beginning(text: str, max_tokens: int) -> str:
    """As much of `text` as costs so many tokens; all of it where that is no more."""
    kept = text[: 4 * max_tokens]
    while estimate_tokens(kept) > max_tokens:
        kept = kept[: len(kept) * 3 // 4]
    return kept


def _cut(content: str, most_tokens: int) -> str:
    kept = beginning(content, most_tokens)
    return content if kept == content else f"{kept.rsplit(' ', 1)[0]} …"
