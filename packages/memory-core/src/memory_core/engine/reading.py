"""What a text says literally: its numbers, versions, dates, paths, identifiers and negations, word by word.

Pure, and linear in the length of the text. `likeness` compares two readings.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

from memory_core.engine import wordlists
from memory_core.engine.lexical import STOP_WORDS, terms
from memory_core.engine.repeats import stream_safe

_CHUNK = re.compile(r"\S+")
# Scripts written without spaces: a character is a word, and what stands between is read as elsewhere.
_UNSPACED = "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u1049\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE = re.compile(rf"[{_UNSPACED}]|[^{_UNSPACED}]+")
_NEGATED_TAIL = re.compile(r"n['’]t$")
_OWNING_TAIL = re.compile(r"['’](?:s|re|ve|ll|d|m)?$")
_OPENING = "([{<\"'`*_“”„«‘’‚»#•·"
_CLOSING = "([{)]}>\"'`*_“”„«»‘’,;:!?.…"
_QUOTES = frozenset("\"'`“„«‘")
_SENTENCE_ENDS = frozenset(".!?:;-•*")
_THOUSANDS = re.compile(r"\d{1,3}(?:[,_’']\d{3})+")
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)([^\W\d_]+|%)?")
_VERSION = re.compile(r"v(?=\d)", re.IGNORECASE)
_HUMP = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")
_ADDRESS = re.compile(r"://|[@\\]|^~|.[/_]\w|::|^--?\w|^\.?/\w|\w\w\.\w|\w\.\w\w")
_JOINED = re.compile(r"[-/–—]+")
_MAX_SHOWN = 60
_MAX_REMEMBERED = 32  # characters of a word; longer ones are seldom seen twice


class Token(Struct, frozen=True, kw_only=True):
    """One word or literal: `key` is compared, `shown` is for people, `word` is looked up in word lists.

    A literal counts only as it stands, a name (a capital within a sentence) almost so; content is what is neither
    a literal nor a word like "the"; a thing is what stands after such a word, or a name.
    """

    key: str
    shown: str
    word: str
    is_literal: bool = False
    is_name: bool = False
    is_content: bool = False
    is_thing: bool = False


class Reading(Struct, frozen=True, kw_only=True):
    """`head` is the first word that can say what the text is about. `ordinals` are labels that count things (`step`,
    `bug`), with their number."""

    tokens: tuple[Token, ...]
    keys: tuple[str, ...]
    head: str | None
    ordinals: dict[str, str]


def read(text: str) -> Reading:
    folded = text if text.isascii() else unicodedata.normalize("NFKC", stream_safe(text))
    tokens = tuple(_with_units(_tokens(folded)))
    return Reading(
        tokens=tokens,
        keys=tuple(token.key for token in tokens),
        head=next((token.key for token in tokens if _may_be_subject(token)), None),
        ordinals=_ordinals(tokens),
    )


def _tokens(text: str) -> Iterator[Token]:
    starts = True  # a sentence, so that a capital says nothing
    word = ""
    for chunk in _CHUNK.findall(text):
        quoted = len(chunk) > 1 and chunk[0] in _QUOTES
        for piece in _pieces(chunk):
            make = _remembered if len(piece) <= _MAX_REMEMBERED else _token
            token = make(piece, starts, quoted, word in wordlists.DETERMINERS)
            if token:
                yield token
                starts, word = False, token.word
        starts = starts or chunk[-1] in _SENTENCE_ENDS


def _pieces(chunk: str) -> Iterator[str]:
    for piece in (chunk,) if chunk.isascii() else _PIECE.findall(chunk):
        bare = piece.lstrip(_OPENING).rstrip(_CLOSING)
        if "=" in bare and "://" not in bare:
            yield from bare.split("=")
        elif "," in bare and not _THOUSANDS.fullmatch(bare):
            yield from bare.split(",")
        elif _is_literal(bare):
            yield bare
        else:
            yield from _JOINED.split(bare)


def _token(piece: str, starts: bool, quoted: bool, follows: bool) -> Token | None:
    bare = piece.lstrip(_OPENING).rstrip(_CLOSING)
    if not any(map(str.isalnum, bare)) and bare != "%":
        return None
    word, shown = bare.casefold(), bare[:_MAX_SHOWN]
    if _is_literal(bare):
        return Token(key=_literal(bare), shown=shown, word=word, is_literal=True)
    if word in wordlists.NEGATIONS or _NEGATED_TAIL.search(word):
        return Token(key=wordlists.NOT, shown=shown, word=word)
    word = _OWNING_TAIL.sub("", word)
    if literal := wordlists.LITERALS.get(word) or wordlists.CAPITAL_LITERALS.get(bare):
        return Token(key=literal, shown=shown, word=word, is_literal=True)
    if word in STOP_WORDS:
        return Token(key=word, shown=shown, word=word)
    named = bare[0].isupper() and not starts
    return Token(
        key=_stem(word),
        shown=shown,
        word=word,
        is_literal=quoted,
        is_name=named,
        is_content=not quoted,
        is_thing=named or follows,
    )


_remembered = lru_cache(maxsize=20_000)(_token)


def _stem(word: str) -> str:
    return next(iter(terms(wordlists.IRREGULAR.get(word, word))), word)


def _is_literal(bare: str) -> bool:
    """With a digit in it, or an identifier, a path, an address, a flag."""
    if any(map(str.isnumeric, bare)):
        return True
    return bool(_ADDRESS.search(bare) or _HUMP.search(bare.removesuffix("s")))


def _literal(bare: str) -> str:
    if _THOUSANDS.fullmatch(bare):
        return re.sub(r"\D", "", bare)
    quantity = _QUANTITY.fullmatch(bare)
    if quantity and (unit := wordlists.UNITS.get(quantity[2] or "")):
        return f"{quantity[1]} {unit}"
    return _VERSION.sub("", bare, count=1).removesuffix("/")


def _with_units(tokens: Iterator[Token]) -> Iterator[Token]:
    """`30 seconds` is one literal, the same as `30s`."""
    before: Token | None = None
    for token in tokens:
        if before is None:
            before = token
        elif before.is_literal and before.key.isnumeric() and (unit := wordlists.UNITS.get(token.shown)):
            shown = f"{before.shown} {token.shown}"
            yield Token(key=f"{before.key} {unit}", shown=shown, word=shown, is_literal=True)
            before = None
        else:
            yield before
            before = token
    if before:
        yield before


def _may_be_subject(token: Token) -> bool:
    if token.is_literal:
        return not token.key[0].isnumeric()
    return token.is_content and token.word not in wordlists.SWITCHES and token.word not in wordlists.LEADS


def _ordinals(tokens: tuple[Token, ...]) -> dict[str, str]:
    """Only the first of each label: a text about bug 7 may mention bug 8."""
    found: dict[str, str] = {}
    for label, number in itertools.pairwise(tokens):
        if label.word in wordlists.LABELS and number.is_literal and number.key[0].isnumeric():
            found.setdefault(label.word, number.key)
    return found
