"""Server-sent events, as far as MCP uses them. Lines in, data out."""

from collections.abc import Iterable, Iterator


def events(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each event, as soon as it is complete."""
    data: list[bytes] = []
    for line in lines:
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:
        yield b"\n".join(data)
