r"""One memory as a Markdown file that a person can read, exactly and both ways. Which file it is: see `folder`.

    ---
    id: "3f2a0d1c9b8e4f7a8d6c5b4a39281706"
    memory_type: "decision"
    tags: ["deploy", "team"]
    …
    ---

    We deploy on Fridays, only after lunch

The front matter is one field a line, each value JSON on that one line, which every YAML reader takes too. Everything
between the empty line after it and the last line end is the content, byte for byte: a `---` or a CRLF in it is text.
"""

import msgspec

from memory_core.errors import InvalidError
from memory_core.formats.found import BROKEN_JSON, check
from memory_core.types import Memory

_FENCE = b"---\n"
_LEFT_OUT = {"tags": (), "source": None, "project_id": None, "client_id": None, "session_id": None}
_LEFT_OUT |= dict.fromkeys(("deleted_at", "expires_at", "review_by", "topic_key", "superseded_by"))
_FIELDS = tuple(name for name in Memory.__struct_fields__ if name != "content")


def text_of(memory: Memory) -> bytes:
    """The whole file; fields that say nothing are left out."""
    check(memory)
    said = {name: getattr(memory, name) for name in _FIELDS}
    lines = [
        f"{name}: ".encode() + msgspec.json.encode(value) + b"\n"
        for name, value in said.items()
        if name not in _LEFT_OUT or value != _LEFT_OUT[name]
    ]
    return b"".join((_FENCE, *lines, _FENCE, b"\n", memory.content.encode(), b"\n"))


def memory_of(text: bytes) -> Memory:
    """The memory that `text_of` wrote, or that a person changed since. Raises InvalidError."""
    text = text.removeprefix(b"\xef\xbb\xbf")  # some editors put a byte order mark there
    if text.startswith(b"---\r\n"):  # a tool rewrote every line end of the file
        text = text.replace(b"\r\n", b"\n")
    front, content = _parted(text)
    lines = [_field(line) for line in front.splitlines()]
    fields = dict(lines)
    if len(fields) < len(lines):
        raise InvalidError("its front matter has a field twice")
    if unknown := fields.keys() - set(_FIELDS):
        raise InvalidError(f"its front matter has the field {min(unknown)}, which this version does not know")
    try:
        return check(msgspec.convert(_LEFT_OUT | fields | {"content": content.decode()}, Memory))
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise InvalidError(str(error)) from None


def _parted(text: bytes) -> tuple[bytes, bytes]:
    front, fence, content = text.removeprefix(_FENCE).partition(b"\n" + _FENCE)
    if not text.startswith(_FENCE) or not fence:
        raise InvalidError("it has no front matter between two lines of ---")
    return front, content.removeprefix(b"\n").removesuffix(b"\n")


def _field(line: bytes) -> tuple[str, object]:
    name, _, value = line.partition(b": ")
    try:
        return name.decode(), msgspec.json.decode(value)
    except BROKEN_JSON:
        shown = line[:40].decode(errors="replace")
        raise InvalidError(f"its front matter has the line {shown!r}; each is a name, a colon and JSON") from None
