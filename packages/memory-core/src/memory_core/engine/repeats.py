"""When two contents are the same text: what makes adding a memory twice harmless.

The second of two exact repeats is not stored, so nothing may be lost by that: only what no reader could tell apart is
called the same. Case, digits, punctuation, width (`A` and `Ａ`) and superscripts (`m2` and `m²`) can mean something and
keep two contents apart. What says almost the same is `likeness`'s business, and is always stored.
"""

import hashlib
import unicodedata

_MAX_MARKS = 30  # in a row; the bound of Unicode's stream-safe format (UAX 15)


def same_text(left: str, right: str) -> bool:
    """Whether nothing but spacing at the ends, blanks at line ends and the coding of accents tells them apart.

    To be asked where digests agree, since two texts may share one.
    """
    return left == right or normalised(left) == normalised(right)


def text_digest(content: str) -> int:
    """0 <= digest < 2**64, equal for texts that are the same; fits an unsigned column of 64 bits."""
    encoded = normalised(content).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big")


def normalised(content: str) -> str:
    """Canonical composition (é is one character or two, and looks the same), and no blanks where they are not seen.

    Line breaks and indentation stay: they are meaning in a Makefile, in YAML and in Python.
    """
    lines = [line.rstrip(" \t\r") for line in _composed(content).split("\n")]
    text = "\n".join(lines).strip("\n")
    return text if "\n" in text else text.strip(" \t")


def _composed(content: str) -> str:
    """A text with endless accents stays as it is: composing it would take quadratic time."""
    if content.isascii() or stream_safe(content) != content:
        return content
    return unicodedata.normalize("NFC", content)


def stream_safe(text: str) -> str:
    """At most _MAX_MARKS combining marks in a row: normalising sorts them, in quadratic time."""
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MAX_MARKS:
            kept.append(char)
    return "".join(kept)
