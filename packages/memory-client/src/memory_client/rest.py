"""One exchange with a memory server over httpx: addresses, headers, time limits, and what each failure means.

Knows no verb. Whatever goes wrong becomes an error of `memory_core.errors`, with a sentence that says what to do.
"""

import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from memory_client import __version__
from memory_client.connection import no_tls, reason
from memory_client.writing import AwayError
from memory_core.errors import (
    ForbiddenError,
    MemoryServiceError,
    Problem,
    RateLimitedError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    error_of,
)

T = TypeVar("T")
Params = Sequence[tuple[str, str]]

CONNECT_TIMEOUT_S = 5.0
LONG_TIMEOUT_S = 600.0
"""For what may take the server minutes before it answers: export, import, purge."""

_GATEWAY = frozenset({502, 503, 504})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class NoSuchAddressError(UnavailableError):
    """The server is there, and answers nothing at this address."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    key: str | None = None

    @property
    def is_loopback(self) -> bool:
        return urlsplit(self.url).hostname in _LOOPBACK


_NOT_LOCATED = Address(url="the local memory server")

Locate = Callable[[], Awaitable[Address]]


class Rest:
    """Sends requests to one server. `locate` finds it again when nobody listens any more (a local server that left).

    `address` None is found by `locate` when it is first needed.
    """

    def __init__(
        self, address: Address | None, *, headers: Mapping[str, str], timeout_s: float, locate: Locate | None = None
    ) -> None:
        self._address = address
        self._locate = locate
        self._timeout_s = timeout_s
        trust = _trust("" if address is None else address.url)
        try:
            self._http = httpx.AsyncClient(
                headers={"User-Agent": f"memory-client/{__version__}", "Accept": "application/json", **headers},
                timeout=self._time_limit(timeout_s),
                verify=trust,
                # A proxy of the environment is no way to this very machine, and would be told the key.
                trust_env=address is not None and not address.is_loopback,
                follow_redirects=False,
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:  # httpx reads the proxies at once
            raise UnavailableError(
                "the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names cannot be used; name one with http://"
            ) from error

    @property
    def address(self) -> Address:
        return self._address or _NOT_LOCATED

    async def close(self) -> None:
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        params: Params = (),
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> T:
        """Send `body` as JSON, give the answer back as an `answer`."""
        content = None if body is None else msgspec.json.encode(body)
        typed = {} if body is None else {"Content-Type": "application/json"}
        async with self.open(method, path, params, content, {**typed, **(headers or {})}, timeout_s) as response:
            return self.decode(await response.aread(), answer)

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        params: Params = (),
        content: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """The successful response, its body not read yet."""
        limit_s = timeout_s or self._timeout_s
        try:
            response = await self._send(method, path, params, content, headers or {}, limit_s)
            try:
                if not response.is_success:
                    await response.aread()
                    raise _failure(response, self.address.url)
                yield response
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise AwayError(_sentence(error, self.address.url, limit_s)) from error
        except httpx.InvalidURL as error:
            raise UnavailableError(f"{self.address.url} is no address of a server: {error}") from error

    def decode(self, body: bytes, answer: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=answer)
        except msgspec.DecodeError as error:
            raise UnavailableError(
                f"{self.address.url} answered what this version ({__version__}) cannot read: "
                f"is it a memory server, and not of another version? ({error})"
            ) from error

    async def _send(
        self,
        method: str,
        path: str,
        params: Params,
        content: bytes | AsyncIterator[bytes] | None,
        headers: Mapping[str, str],
        limit_s: float,
    ) -> httpx.Response:
        if self._address is None and self._locate is not None:
            self._address = await self._locate()

        def request() -> httpx.Request:
            key = {} if self.address.key is None else {"X-API-Key": self.address.key}
            return self._http.build_request(
                method,
                self.address.url.rstrip("/") + path,
                params=list(params) or None,
                content=content,
                headers={**headers, **key},
                timeout=self._time_limit(limit_s),
            )

        try:
            return await self._http.send(request(), stream=True)
        except httpx.ConnectError:
            # Nothing was sent yet, so sending it again cannot do it twice.
            if self._locate is None:
                raise
            self._address = await self._locate()
            return await self._http.send(request(), stream=True)

    @staticmethod
    def _time_limit(limit_s: float) -> httpx.Timeout:
        return httpx.Timeout(limit_s, connect=min(CONNECT_TIMEOUT_S, limit_s))


def query_params(query: msgspec.Struct) -> list[tuple[str, str]]:
    """`query` as URL parameters: unset and null are left out, but a project that is null becomes `project_id=`."""
    fields: dict[str, object] = msgspec.to_builtins(query)
    params: list[tuple[str, str]] = []
    for name, value in fields.items():
        if value is None:
            if name == "project_id":
                params.append((name, ""))
        elif isinstance(value, bool):
            params.append((name, "true" if value else "false"))
        elif isinstance(value, list | tuple):
            params.extend((name, str(item)) for item in value)
        else:
            params.append((name, str(value)))
    return params


def _trust(url: str) -> ssl.SSLContext:
    # Reading the certificates of the world costs 80 ms, and plain HTTP needs none: an empty store trusts nobody.
    if urlsplit(url).scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx.create_ssl_context()  # honours SSL_CERT_FILE and SSL_CERT_DIR, also for this machine
    except OSError as error:
        said = "they hold no certificate" if isinstance(error, ssl.SSLError) else reason(error)
        raise UnavailableError(
            f"the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: {said}"
        ) from error


def _failure(response: httpx.Response, url: str) -> MemoryServiceError:
    """The error of an unsuccessful response, whether the server wrote it or something in between."""
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        pass  # a proxy's page, or no memory server at all: the status is all there is to go by
    else:
        if problem.code == UnavailableError.code:
            return AwayError(problem.detail)
        if problem.code != "no-route":
            return error_of(problem)
    status = response.status_code
    told = f"{url} answered {status} {response.reason_phrase}".rstrip()
    if response.is_redirect:
        place = response.headers.get("location", "elsewhere")
        return UnavailableError(f"{url} redirects to {place}; set MEMORY_SERVER to the address it ends at")
    if status == 401:
        return UnauthorizedError(f"{told}: set MEMORY_API_KEY to the key of this server")
    if status == 403:
        return ForbiddenError(f"{told}; something in front of the server, or the server, forbids this")
    if status == 413:
        return TooLargeError(f"{told}: a proxy in front of the server allows no body of this size")
    if status == 429:
        wait_s = _seconds(response.headers.get("retry-after", ""))
        return RateLimitedError(f"{told}; try again in {wait_s:g} s", retry_after_s=wait_s)
    if status in _GATEWAY:
        return AwayError(f"{told}: the server behind it is away or starting; try again, then see its log")
    if status >= 500 and status != 501:  # 501: it knows no such method, as no memory server says
        return UnavailableError(f"{told}: the server behind it is away or starting; try again, then see its log")
    kind = NoSuchAddressError if status == 404 else UnavailableError
    return kind(f"{told} to {response.request.url.path}: is it a memory server, and not an older one?")


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() else 1.0


def _sentence(error: httpx.HTTPError, url: str, limit_s: float) -> str:
    cause = _cause(error)
    told = _words(cause) if cause is not None else str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectTimeout):
        return f"{url} did not take the connection within {CONNECT_TIMEOUT_S:g} s; check the address and the network"
    if isinstance(error, httpx.TimeoutException):
        return f"{url} did not answer within {limit_s:g} s; what was asked may still have been done"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy on the way to {url} refused: {told}; check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    if isinstance(error, httpx.ConnectError) and isinstance(cause, ssl.SSLError):
        return no_tls(url, cause)
    if isinstance(error, httpx.ConnectError):
        return f"cannot reach {url} ({told}); is memory-server running there, and is MEMORY_SERVER right?"
    return f"the connection to {url} broke ({told}); what was asked may have been done, look before you repeat it"


def _cause(error: BaseException | None) -> OSError | None:
    """What the operating system, or TLS, said: httpx and anyio wrap it several times, in words of their own."""
    while error is not None and not (isinstance(error, OSError) and error.errno is not None):
        inner = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else None
        error = inner or error.__cause__ or error.__context__
    return error


def _words(error: OSError) -> str:
    """asyncio writes `Connect call failed` and an address where the system's words would be."""
    if (error.strerror or "").startswith("Connect call failed") and error.errno is not None:
        return os.strerror(error.errno).lower()
    return reason(error)
