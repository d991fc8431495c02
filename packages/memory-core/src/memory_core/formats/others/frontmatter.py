"""The front matter of other systems' Markdown: as much of YAML as people and agents write there.

Scalars, lists in both spellings, one mapping inside another, and texts over several lines. Every value is text, as it
was written: dates and numbers are for whoever needs them. A line of any other kind is given back, not dropped.
"""

import re
from collections.abc import Iterator

Value = str | list[str] | dict[str, str]

_KEY = re.compile(r"(\s*)([^\s:#'\"\[\]{}-][^:#]*?)\s*:(?:\s+(.*))?$")
_ITEM = re.compile(r"\s*-\s+(.*)$")
_ITEMS = re.compile(r"""\s*("[^"]*"|'[^']*'|[^,]+)""")
_COMMENT = re.compile(r"\s+#.*$")


def parted(text: str) -> tuple[dict[str, Value], str, list[str]]:
    """Fields, the text after them, and the lines of the front matter that were not understood."""
    text = text.removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].strip() != "---":
        return {}, text, []
    end = next((i for i, line in enumerate(lines[1:], start=1) if line.strip() in ("---", "...")), None)
    if end is None:
        return {}, text, []
    fields, odd = _fields([line.rstrip("\r\n") for line in lines[1:end]])
    return fields, "".join(lines[end + 1 :]), odd


def listed(value: Value | None) -> list[str]:
    """The value as a list; a text is one of words between commas."""
    if value is None or isinstance(value, dict):
        return []
    return [item.strip() for item in (value.split(",") if isinstance(value, str) else value) if item.strip()]


def one(value: Value | None) -> str | None:
    """The value as one text; null where there is none."""
    if value is None or isinstance(value, dict):
        return None
    text = value if isinstance(value, str) else ", ".join(value)
    return text.strip() or None


def _fields(lines: list[str]) -> tuple[dict[str, Value], list[str]]:
    fields: dict[str, Value] = {}
    odd: list[str] = []
    for block in _blocks(lines):
        found = _KEY.match(block[0])
        if found is None or found[1]:
            odd += [line for line in block if line.strip() and not line.lstrip().startswith("#")]
            continue
        value, not_understood = _value(found[3] or "", block[1:])
        fields[found[2].strip()] = value
        odd += not_understood
    return fields, odd


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Each line that begins at the edge, with those that belong to it: indented ones, and items at the edge."""
    block: list[str] = []
    for line in lines:
        belongs = not line.strip() or line[0].isspace() or (_ITEM.match(line) and block)
        if block and not belongs:
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _value(first: str, rest: list[str]) -> tuple[Value, list[str]]:
    first = first.strip()
    if first[:1] in ("|", ">") and len(first) <= 3:
        stripped = [line.strip() for line in rest]
        return ("\n" if first[0] == "|" else " ").join(stripped).strip(), []
    rest = [line for line in rest if line.strip()]
    if not rest:
        return _inline(first), []
    if not first and all(_ITEM.match(line) for line in rest):
        return [_scalar(line.partition("-")[2]) for line in rest], []
    if not first:
        inner = {line: _KEY.match(line) for line in rest}
        mapping = {found[2]: _scalar(found[3] or "") for found in inner.values() if found}
        return mapping, [line for line, found in inner.items() if not found]
    return _scalar(" ".join([first, *(line.strip() for line in rest)])), []  # a text that goes on below


def _inline(text: str) -> Value:
    if text.startswith("[") and text.rstrip().endswith("]"):
        return [_scalar(item) for item in _ITEMS.findall(text.rstrip()[1:-1]) if item.strip()]
    return _scalar(text)


def _scalar(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r'\\(["\\/nt])', lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text[1:-1])
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    return "" if text in ("null", "~") or text.startswith("#") else _COMMENT.sub("", text)
