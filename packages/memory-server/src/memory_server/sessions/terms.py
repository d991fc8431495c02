"""The words of a sentence that tell it from others, and the names that a session was about. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

MAX_TOPICS = 6
_MAX_CHARS = 60
_WORD = re.compile(r"[^\W_]{2,}")
_DENSE = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_STOP = frozenset({
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "before", "being",
    "but", "by", "can", "could", "did", "do", "does", "done", "for", "from", "had", "has", "have", "if", "in", "into",
    "is", "it", "its", "just", "me", "my", "no", "not", "now", "of", "on", "only", "or", "our", "out", "over",
    "should", "so", "some", "still", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this",
    "those", "to", "too", "up", "us", "use", "used", "uses", "using", "very", "was", "we", "were", "what", "when",
    "where", "which", "while", "who", "will", "with", "would", "yes", "yet", "you", "your",
})  # fmt: skip
_QUOTED = re.compile('["\u201c\u201e][^"\u201c\u201d]{0,300}["\u201c\u201d]')
_REDACTED = re.compile(r"\[redacted:[\w-]+\]")
# A file, a name in code, or an option: what has a structure that words of a language have not.
_NAME = re.compile(
    r"(?<![\w@/.:-])(?:[\w.-]{1,60}/){0,12}"
    r"(?:[A-Za-z_][\w-]{0,50}\.[a-z]{1,5}\d?|[A-Za-z]\w{0,50}_\w{1,50}|[A-Z][a-z0-9]{1,30}(?:[A-Z][a-z0-9]{1,30}){1,5}"
    r"|[A-Z]{2,20}(?:_[A-Z]{2,20}){1,5})(?![\w/@])"
)
_NO_FILE = re.compile(r"\.(?:g|e|com|org|net|io|dev)$|^node\.js$", re.IGNORECASE)


def unquoted(text: str) -> str:
    return _QUOTED.sub(" ", text)


def words(text: str) -> frozenset[str]:
    """Lower case, without what stands in any sentence; of a dense script the characters."""
    found = {word for word in map(str.casefold, _WORD.findall(text)) if word not in _STOP}
    return frozenset(found | set(_DENSE.findall(text)))


def topics(texts: Sequence[str], title: str) -> tuple[str, ...]:
    """The names that come up most, those of `title` before all; few."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_names(text))
    asked = set(_names(title))
    ranked = sorted(counts, key=lambda name: (name not in asked, -counts[name]))  # else in the order of the texts
    return tuple(name for name in ranked if counts[name] > 1 or name in asked)[:MAX_TOPICS]


def _names(text: str) -> Iterable[str]:
    for found in _NAME.finditer(_REDACTED.sub(" ", text)):
        name = found[0].rpartition("/")[2].strip(".-")
        if 3 <= len(name) <= _MAX_CHARS and not _NO_FILE.search(name):
            yield name
