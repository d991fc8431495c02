"""The small HTTP/1.1 client of the hot paths.

A bridge's first reply takes 21 ms with it, 38 with http.client, 276 with httpx. Kept connections, shared by threads;
streamed answers; one retry, and only where a kept connection turns out dead before any byte of an answer. No redirect
is followed: the key goes to the server that was named, and nowhere else.
"""

import threading
import time
from collections.abc import Iterator, Mapping

from memory_client.connection import Connection, Ticket, connector, proxy_authorization, reason, unreachable
from memory_client.errors import CancelledError, ClientError, UnreachableError
from memory_client.urls import split

_MAX_LINE_BYTES = 65536
_MAX_BODY_BYTES = 64 << 20
_MAX_IDLE_CONNECTIONS = 8
_MAX_IDLE_S = 20.0  # a laptop that slept, a router that forgot: better a new connection than a dead one


class Answer:
    """A response whose body is still to be read: once, by `read` or by `lines`. Close it, or use `with`."""

    def __init__(
        self,
        status: int,
        headers: dict[str, str],
        connection: Connection,
        transport: "Transport",
        ticket: Ticket | None,
    ) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection
        self._transport = transport
        self._ticket = ticket
        self._whole = False  # the body has been read to its end, and the connection can serve again

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def read(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in self._parts():
            parts.append(part)
            size += len(part)
            if size > _MAX_BODY_BYTES:
                raise UnreachableError(f"{self._transport.name} sent an answer of more than {_MAX_BODY_BYTES >> 20} MB")
        return b"".join(parts)

    def lines(self) -> Iterator[bytes]:
        """Line by line as they arrive, without their ends."""
        rest = b""
        for part in self._parts():
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                yield line.removesuffix(b"\r")
        if rest:
            yield rest

    def close(self) -> None:
        if self._ticket is not None:
            self._ticket.hold(None)
        self._transport.give_back(self._connection, reusable=self._whole)

    def _parts(self) -> Iterator[bytes]:
        try:
            yield from self._framed()
        except (OSError, ValueError) as error:
            if self._ticket is not None and self._ticket.cancelled:
                raise CancelledError("the request was cancelled") from None
            why = reason(error) if isinstance(error, OSError) else "what it sends is not HTTP"
            raise UnreachableError(f"the answer of {self._transport.name} broke off: {why}") from None

    def _framed(self) -> Iterator[bytes]:
        reader = self._connection.reader
        if self.status in (204, 304):
            self._whole = True
        elif self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self._line().partition(b";")[0], 16):
                yield from self._exactly(size)
                self._line()
            while self._line().strip():
                pass  # trailers
            self._whole = True
        elif "content-length" in self.headers:
            yield from self._exactly(int(self.headers["content-length"]))
            self._whole = True
        else:
            while part := reader.read1(65536):
                yield part
        if self.headers.get("connection", "").lower() == "close":
            self._whole = False

    def _line(self) -> bytes:
        line = self._connection.reader.readline(_MAX_LINE_BYTES)
        if not line:
            raise ConnectionError("it closed the connection")
        return line

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size > 0:
            part = self._connection.reader.read1(min(size, 65536))
            if not part:
                raise ConnectionError("it closed the connection")
            size -= len(part)
            yield part


class Transport:
    """Requests to one server. Safe to use from many threads."""

    def __init__(
        self, url: str, *, headers: Mapping[str, str], proxy: str | None = None, connect_timeout_s: float = 5.0,
        silence_timeout_s: float = 120.0,
    ) -> None:  # fmt: skip
        """`headers` go with every request; `silence_timeout_s` is how long the server may send nothing at all."""
        self._address = split("MEMORY_SERVER", url)
        self.name = f"{self._address.scheme}://{self._address.authority}"
        self._connect = connector(self._address, proxy)
        self._connect_timeout_s = connect_timeout_s
        self._silence_timeout_s = silence_timeout_s
        lines = {"Host": self._address.authority, **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._prefix = self._address.base
        if proxy is not None and self._address.scheme == "http":  # a proxy wants the whole URL, CONNECT is for TLS
            self._prefix = self.name + self._prefix
            self._head += proxy_authorization(split("the proxy's address", proxy))
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None,
        ticket: Ticket | None = None, timeout_s: float | None = None,
    ) -> Answer:  # fmt: skip
        """Send it and read the answer's head. `timeout_s` bounds each wait instead of the usual limits.

        Raises UnreachableError, CancelledError. Statuses from 400 on are answers like others; redirects are errors.
        """
        own = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._head}{own}Content-Length: {len(body)}\r\n\r\n"
        message = head.encode("latin-1") + body
        kept = self._take()
        if kept is not None:
            answer = self._exchange(kept, message, ticket, timeout_s)
            if answer is not None:
                return answer
        fresh = self._connect(self._connect_timeout_s if timeout_s is None else timeout_s)
        answer = self._exchange(fresh, message, ticket, timeout_s)
        if answer is None:
            raise self._failure(ticket, ConnectionError("it closed the connection without an answer"))
        return answer

    def give_back(self, connection: Connection, *, reusable: bool) -> None:
        with self._lock:
            if reusable and len(self._idle) < _MAX_IDLE_CONNECTIONS:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle connections; those in use close when their answers do."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.reusable(max_idle_s=_MAX_IDLE_S):
                return connection
            connection.close()

    def _exchange(
        self, connection: Connection, message: bytes, ticket: Ticket | None, timeout_s: float | None
    ) -> Answer | None:
        """None if the connection was dead: no byte of an answer came."""
        if ticket is not None:
            ticket.hold(connection)
        connection.socket.settimeout(self._silence_timeout_s if timeout_s is None else timeout_s)
        try:
            status, headers = _spoken(connection, message)
        except EOFError:
            connection.close()
            if ticket is not None and ticket.cancelled:
                raise self._failure(ticket, ConnectionError()) from None
            return None
        except (OSError, ValueError) as error:
            connection.close()
            known = error if isinstance(error, OSError) else OSError("what it says is not HTTP")
            raise self._failure(ticket, known) from None
        answer = Answer(status, headers, connection, self, ticket)
        if 300 <= status < 400 and status != 304:
            answer.close()
            place = headers.get("location", "elsewhere")
            hint = "a key is not sent after a redirect, so set MEMORY_SERVER to where it leads"
            raise UnreachableError(f"{self.name} redirects to {place}; {hint}")
        return answer

    def _failure(self, ticket: Ticket | None, error: OSError) -> ClientError:
        if ticket is not None:
            ticket.hold(None)
            if ticket.cancelled:
                return CancelledError("the request was cancelled")
        return unreachable(self.name, error)


def _spoken(connection: Connection, message: bytes) -> tuple[int, dict[str, str]]:
    """Send, and read the status and the headers. EOFError: closed before any byte came. ValueError: not HTTP."""
    try:
        connection.socket.sendall(message)
    except TimeoutError:
        raise
    except OSError:
        pass  # it may have answered, 413 for one, before it stopped reading
    while True:
        try:
            line = connection.reader.readline(_MAX_LINE_BYTES)
        except TimeoutError:
            raise
        except OSError:
            line = b""
        if not line:
            raise EOFError
        version, _, rest = line.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("not HTTP")
        status = int(rest[:3])
        headers: dict[str, str] = {}
        while line := connection.reader.readline(_MAX_LINE_BYTES).strip():
            name, _, value = line.partition(b":")
            headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
            if len(headers) > 200:
                raise ValueError("too many headers")
        if status >= 200:
            return status, headers
