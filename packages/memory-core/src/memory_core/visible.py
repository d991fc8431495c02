"""Other people's text, made fit to be shown to a model, a terminal or a person: what cannot be seen is spelled out, and
nothing passes for the fence around it. Pure; standard library only.
"""

import hashlib
import re
from collections.abc import Callable

FENCE = "memories"
_TAG_DIGITS = 6
_JOINERS = "\u200c\u200d"  # needed by emoji, and by scripts such as Persian and Hindi
_EMOJI_STYLE = "\ufe0e\ufe0f"

# Controls, directional marks, joiners, fillers, variation selectors, tag characters, halves of pairs; not tab and line
# feed.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# What looks like the beginning or the end of a fence, in whatever brackets.
_BRACKETS, _SLASHES = "<\uff1c\ufe64\u2039\u27e8\u2329\u3008\u300a", "/\u2044\u2215\uff0f"
_LIKE_A_FENCE = re.compile(rf"[{_BRACKETS}](?=[\s\\{_SLASHES}]{{0,8}}{FENCE})", re.IGNORECASE)


def braced(code: int) -> str:
    return f"\\u{{{code:x}}}"


def visible(text: str, spelled: Callable[[int], str] = braced) -> str:
    """`text` with every unseen character written as its number, joiners and emoji marks in their place excepted.

    Of what ends a line, only the line feed is left as it is.
    """

    def spell(match: re.Match[str]) -> str:
        return match[0] if _is_in_its_place(match) else spelled(ord(match[0]))

    return _UNSEEN.sub(spell, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    return " ".join(visible(text).split())


def fence_tag(text: str) -> str:
    """A tag for the fence around `text` that does not stand in it, and that who wrote a part of it could not know."""
    tag, seed = "", text.encode("utf-8", "surrogatepass")
    while not tag or tag in text:
        seed = hashlib.blake2b(seed).digest()
        tag = seed.hex()[:_TAG_DIGITS]
    return tag


def unfenced(text: str) -> str:
    """`text` without what a reader could take for a fence."""
    return _LIKE_A_FENCE.sub("&lt;", text)


def _is_in_its_place(match: re.Match[str]) -> bool:
    character, text, at = match[0], match.string, match.start()
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if character in _JOINERS:
        return _is_letter_or_sign(before, styled=True) and _is_letter_or_sign(after)
    return character in _EMOJI_STYLE and bool(before.strip()) and not _UNSEEN.match(before)


def _is_letter_or_sign(character: str, *, styled: bool = False) -> bool:
    if styled and character in _EMOJI_STYLE:
        return bool(character)
    return character > "\x7f" and not _UNSEEN.match(character)
