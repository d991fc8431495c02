"""Where a long text may be cut: at paragraphs, lines, sentences or words, in this order of preference.

Knows text alone; how much a model reads is told by who calls.
"""

import re

# Where a piece may end; it ends after the match, so that the pieces together are the text.
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n\s*")
_SENTENCE = re.compile(r"""[.!?…]["')\]]*\s+|[。！？]\s*""")
_WORD = re.compile(r"\s+")

_CJK = "\u2e80"  # from here on, one character is about one token; before it, four are
_WIDTH_OF_CJK = 4


def border(text: str, start: int, limit: int) -> int:
    """Where a piece that begins at `start` ends: at the best border in its second half, at a word, or at `limit`."""
    if limit >= len(text):
        return len(text)
    middle = (start + limit + 1) // 2
    for pattern, since in ((_PARAGRAPH, middle), (_LINE, middle), (_SENTENCE, middle), (_WORD, start + 1)):
        ends = [match.end() for match in pattern.finditer(text, since, limit)]
        if ends:
            return ends[-1]
    return limit


def pieces_by_width(text: str, width: int) -> list[str]:
    """`text` in pieces of at most `width` characters each, at least one; Chinese, Japanese, Korean ones count as four.

    For models whose tokens cannot be counted here. Joined, the pieces are `text`.
    """
    pieces, start = [], 0
    while start < len(text):
        end = border(text, start, max(_reach(text, start, width), start + 1))
        pieces.append(text[start:end])
        start = end
    return pieces or [""]


def _reach(text: str, start: int, width: int) -> int:
    """The end of the longest piece from `start` that is not too wide."""
    taken = 0
    for end in range(start, len(text)):
        taken += _WIDTH_OF_CJK if text[end] >= _CJK else 1
        if taken > width:
            return end
    return len(text)
