"""What an agent wrote, as passages of plain prose: without code, tables, markup and what tools printed.

Pure, linear in the length of the text, and indifferent to what is no Markdown at all.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

CUT = "…"  # a line of its own where a long note was cut

_ASIDE = ("analysis", "thinking", "system-reminder")  # not said to anyone
_SUMMARY = re.compile(r"^[ \t]*<summary>[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"\s*(```+|~~~+)")
_HEADING = re.compile(r"#{1,6}\s+(.+)")
_BOLD_LINE = re.compile(r"(?:\*\*|__)([^*_]{2,80})(?:\*\*|__):?")
# Of five words at most: longer ones are sentences that lead up to something.
_LEAD_IN = re.compile(r"(?:\d{1,2}[.)]\s+)?(?:\*\*)?([^\W\d_][^\s.!?:]*(?: [^\s.!?:]+){0,4})(?:\*\*)?:(?:\*\*)?")
_LABELLED = re.compile(r"([^\W\d_][^\s.!?:]*(?: [^\s.!?:]+){0,3}): (\S.*)")
_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s+(?:\[(?P<box>[ xX])\]\s+)?(?P<text>\S.*)")
_IMAGE_OR_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_TAG = re.compile(r"</?[a-zA-Z][\w-]{0,40}(?:\s[^<>]{0,200})?/?>")
_MARKS = re.compile(r"\*\*|__|~~|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)")
_TOOL = re.compile(
    r"[⏺⎿│├└╭╰●]|\$ |diff --git |@@ |\+\+\+ |--- a/|Traceback |File \"|at \S+ \(|\{|\}|\[\{|https?://\S+$"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^\sa-z])|(?<=[.!?][\"')\]])\s+(?=[^\sa-z])|(?<=[。！？])(?=.)")
_LETTERS_SHARE = 0.5


class Passage(NamedTuple):
    """`heading` is what it stands under; `box` is whether it is ticked off, where it has one."""

    text: str
    heading: str = ""
    is_item: bool = False
    box: bool | None = None


def passages(text: str) -> list[Passage]:
    """In the order of the text; each is a paragraph or an item of a list, in one line."""
    return [passage for passage in _read(_said(text)) if _is_prose(passage.text)]


def sentences(text: str) -> list[str]:
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def shortened(text: str, chars: int) -> str:
    """At most so many characters, with a mark where something is missing."""
    if len(text) <= chars:
        return text
    kept = text[: chars - 1]
    at = kept.rfind(" ", chars // 2)
    return f"{kept[:at] if at > 0 else kept}…"


def _said(text: str) -> str:
    """What is meant for others: between the tags of a summary, or without the asides."""
    if found := _SUMMARY.search(text):
        return text[found.end() :].partition("</summary>")[0]
    for name in _ASIDE:
        text = _without(text, f"<{name}>", f"</{name}>")
    return text


def _without(text: str, begin: str, end: str) -> str:
    """Where a long note was cut, either may be missing."""
    at, last = text.find(begin), text.rfind(end)
    if last >= 0:
        return text[: at if 0 <= at < last else 0] + text[last + len(end) :]
    if at < 0:
        return text
    cut = text.find(f"\n{CUT}\n", at)
    return text[:at] + (text[cut:] if cut >= 0 else "")


def _read(text: str) -> Iterator[Passage]:
    heading, is_lead_in, had_items = "", False, False
    lines: list[str] = []
    opened = Passage("")

    def closed() -> Iterator[Passage]:
        if lines:
            yield opened._replace(text=_plain(" ".join(lines)))
            lines.clear()

    for line in _outside_code(text):
        stripped = line.strip().removeprefix(">").strip()
        if not stripped or stripped.startswith("|") or set(stripped) <= set("-=_*"):
            yield from closed()
            continue
        if title := _title(stripped):
            yield from closed()
            heading, is_lead_in, had_items = _plain(title), not stripped.startswith("#"), False
        elif item := _ITEM.fullmatch(stripped):
            yield from closed()
            had_items = True
            if title := _title(item["text"]):
                heading, is_lead_in, had_items = _plain(title), True, False
                continue
            opened = Passage("", heading, True, None if item["box"] is None else item["box"] != " ")
            lines.append(item["text"])
        elif lines:
            lines.append(stripped)
        else:
            if is_lead_in and had_items and not line[:1].isspace():  # what it led in is over
                heading, is_lead_in = "", False
            opened = Passage("", heading)
            lines.append(stripped)
    yield from closed()


def _outside_code(text: str) -> Iterator[str]:
    fence = ""
    for line in text.splitlines():
        if line.strip() == CUT:
            fence = ""
            yield ""
        elif found := _FENCE.match(line):
            mark = found[1][:3]
            fence = mark if not fence else "" if mark == fence else fence
            yield ""
        elif not fence:
            yield "" if _TOOL.match(line.strip()) else line


def _title(line: str) -> str:
    """The words of a heading; "" for a line that is none."""
    for form in (_HEADING, _BOLD_LINE, _LEAD_IN):
        if found := form.fullmatch(line):
            return found[1]
    return ""


def labelled(passage: Passage) -> tuple[str, str]:
    """A label before the text, such as `Decision: …`, and the rest; "" for none."""
    found = _LABELLED.fullmatch(passage.text)
    return (found[1], found[2]) if found else ("", passage.text)


def _plain(text: str) -> str:
    """Without marks; what stands between backticks stays as it is."""
    parts = text.split("`")
    for at in range(0, len(parts), 2):
        parts[at] = _MARKS.sub("", _TAG.sub(" ", _IMAGE_OR_LINK.sub(r"\1", parts[at])))
    return " ".join("".join(parts).split())


def _is_prose(text: str) -> bool:
    """Some words, and no output of a program."""
    dense = text.replace(" ", "")
    return len(dense) > 1 and sum(map(str.isalpha, dense)) >= _LETTERS_SHARE * len(dense)
