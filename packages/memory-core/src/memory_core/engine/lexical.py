"""Text → terms: what keyword search can find, made by one function for memories and for queries.

Pure, and the same on every store, so that each store ranks alike. Scores, SQL and stored rows stay out of it.
A change here that makes other terms of the same text needs another ANALYSER_VERSION.
"""

import itertools
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from memory_core.engine.ports import Entry
from memory_core.engine.repeats import stream_safe, text_digest
from memory_core.engine.stemming import english_stemmer
from memory_core.types import Memory, MemoryType

ANALYSER_VERSION = 2

MAX_TERM_CHARS = 64  # longer ones are cut: nobody types them, and blobs must not bloat the index
_MAX_WHOLE_CHARS = 256
_MAX_REMEMBERED_CHARS = 32  # 20,000 words take 5 MB; 64 characters of humps would be 30

# Question words too: queries are questions.
STOP_WORDS = frozenset(
    """a about above after again against all also am an and any are aren as at be because been before being below
    between both but by ca can could couldn did didn do does doesn doing don down during each few for from further had
    hadn has hasn have haven having he her here hers herself him himself his how i if in into is isn it its itself just
    ll me mightn more most mustn my myself needn no nor not now of off on once only or other our ours ourselves out over
    own re s same shan she should shouldn so some such t than that the their theirs them themselves then there these
    they this those through to too under until up us ve very was wasn we were weren what when where which while who
    whom whose why will with wo would wouldn you your yours yourself yourselves""".split()  # noqa: SIM905  a list would fill a screen
)

_ENGLISH_TAIL = re.compile(r"(?<=\w)(?:n['’]t|['’](?:s|t|re|ve|ll|d|m))\b", re.IGNORECASE)
# Soft hyphens and joiners are inside words without being part of them.
_INVISIBLE = dict.fromkeys((0x00AD, 0x200C, 0x200D, 0x2060, 0xFEFF))
_ACCENT = re.compile("[\u0300-\u036f]+")
# Scripts written without spaces (Han, kana, Hangul, Thai, Lao, Burmese, Khmer): their runs become pairs of characters.
_UNSPACED = (
    "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u1049\u1100-\u11ff\u1780-\u17d3\u3005-\u3007\u3040-\u30ff\u3100-\u312f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and points of scripts that have spaces; `\w` leaves them out.
_SIGNS = (
    "\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0730-\u074a\u0900-\u0963\u0971-\u0dff"
)
_LETTER = rf"(?:[^\W{_UNSPACED}]|[{_SIGNS}])"
_TOKEN = re.compile(rf"([{_UNSPACED}]++)|{_LETTER}++(?:[-./:]{{1,3}}{_LETTER}++)*+")
_VERSION = re.compile(r"v?([0-9]+\.[0-9]+)((?:\.[0-9]+)*)", re.IGNORECASE)
_SEPARATOR = re.compile(r"[-_./:]+")
_COARSE_SEPARATOR = re.compile(r"[/:]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

# Written out: what strftime gives depends on the locale of the process.
_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905

_stemmer = english_stemmer()
_stemmer_lock = threading.Lock()  # it keeps the word it works on in itself


def terms(text: str) -> dict[str, int]:
    """Each term of `text` with its number of occurrences. Takes time linear in the length of `text`."""
    return dict(Counter(_terms(_folded(text))))


def entry(memory: Memory) -> Entry:
    """`memory` as a store keeps it."""
    return Entry(memory=memory, terms=terms(indexed_text(memory)), digest=text_digest(memory.content))


def indexed_text(memory: Memory) -> str:
    """What both sides of search index: who, when, what kind and which tags, then the content.

    People ask by person and by time; the content alone seldom says either. In the form of a line of dialogue, because
    the model knows that form: on a LoCoMo conversation a list before the content has nDCG@10 48, this has 51. The
    type "observation" says nothing, being the default, and costs two points.
    """
    kind = None if memory.memory_type is MemoryType.OBSERVATION else memory.memory_type.value
    when = f"{memory.created_at.day} {_MONTHS[memory.created_at.month - 1]} {memory.created_at.year}"
    about = ", ".join(part for part in (when, kind, *memory.tags) if part)
    return f"{memory.client_id or ''} ({about}): {memory.content}".lstrip()


def _folded(text: str) -> str:
    """Compatibility forms made one and accents dropped, case kept for the humps."""
    if text.isascii():
        return _ENGLISH_TAIL.sub("", text)
    decomposed = unicodedata.normalize("NFKD", stream_safe(text.translate(_INVISIBLE)))
    return _ENGLISH_TAIL.sub("", unicodedata.normalize("NFC", _ACCENT.sub("", decomposed)))


def _terms(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        token = match[0]
        if match[1]:
            yield from _pairs(token)
        else:
            yield from _remembered(token) if len(token) <= _MAX_REMEMBERED_CHARS else _token(token)


@lru_cache(maxsize=20_000)
def _remembered(token: str) -> tuple[str, ...]:
    """Most words of a text were in another one: 2 µs instead of 6 for a word seen before, of 20 for a new one."""
    return tuple(_token(token))


def _token(token: str) -> Iterator[str]:
    if version := _VERSION.fullmatch(token):
        yield from _version(version)
    else:
        yield from _identifier(token.strip("_"))


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for left, right in itertools.pairwise(run):
        yield left + right


def _version(match: re.Match[str]) -> Iterator[str]:
    """3.11.7 is found by 3.11 too."""
    yield match[1][:MAX_TERM_CHARS]
    if match[2]:
        yield (match[1] + match[2])[:MAX_TERM_CHARS]


def _identifier(token: str) -> Iterator[str]:
    parts = [part for part in _SEPARATOR.split(token) if part]
    if len(parts) > 1:
        yield from _wholes(token)
    for part in parts:
        yield from _word(part)


def _wholes(token: str) -> Iterator[str]:
    """The whole of `src/memory_core/app.py`, and its `memory_core` and `app.py`."""
    if len(token) <= _MAX_WHOLE_CHARS:
        yield token.casefold()[:MAX_TERM_CHARS]
    segments = _COARSE_SEPARATOR.split(token)
    if len(segments) > 1:
        yield from (segment.casefold()[:MAX_TERM_CHARS] for segment in segments if _SEPARATOR.search(segment))


def _word(part: str) -> Iterator[str]:
    word = part.casefold()
    if word not in STOP_WORDS:
        yield _stem(word[:MAX_TERM_CHARS])
    humps = _HUMP.split(part) if len(part) <= MAX_TERM_CHARS else []
    if len(humps) > 1:
        yield from (_stem(hump) for piece in humps if (hump := piece.casefold()) not in STOP_WORDS)


def _stem(word: str) -> str:
    if not (word.isascii() and word.isalpha()):
        return word
    with _stemmer_lock:
        stem: str = _stemmer.stemWord(word)
    return stem
