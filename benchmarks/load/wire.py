"""HTTP/1.1 as plain bytes over one connection: what a client costs must not be what is measured."""

import asyncio
import json
from collections.abc import Mapping


class Wire:
    """For one task. Raises OSError, IncompleteReadError and TimeoutError where the connection does not do its work."""

    def __init__(self, port: int, headers: Mapping[str, str], *, timeout_s: float) -> None:
        self._port = port
        self._timeout_s = timeout_s
        lines = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and body of the answer."""
        async with asyncio.timeout(self._timeout_s):
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            data = b"" if body is None else json.dumps(body).encode()
            writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            return int(head[9:12]), await reader.readexactly(length)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
