"""What `MemoryClient` makes of everything that is not the answer it hoped for.

The other side is a real socket that says what a proxy, another program or a dying server would say.
"""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from memory_client.rest import NoSuchAddressError
from memory_client.sdk import MemoryClient
from memory_client.writing import AwayError
from memory_core.errors import (
    AmbiguousIdError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    MemoryServiceError,
    ModelUnavailableError,
    NotFoundError,
    RateLimitedError,
    StorageFullError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
)
from memory_core.types import NewMemory
from support.samples import a_memory
from support.sockets import free_port, listening, make_authority, says, tls_front


@contextlib.contextmanager
def answering(answer: bytes, *, requests: list[bytes] | None = None) -> Iterator[str]:
    """A server that gives `answer` to whoever asks; its URL."""
    with listening(says(answer, requests=requests)) as port:
        yield f"http://127.0.0.1:{port}"


def an_answer(status: str, body: bytes, *headers: str, media: str = "application/problem+json") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def a_problem(status: str, code: str, detail: str = "what happened; what to do", more: str = "") -> bytes:
    number = status.split(maxsplit=1)[0]
    body = f'{{"type":"urn:x","title":"T","status":{number},"detail":"{detail}","code":"{code}"{more}}}'
    return an_answer(status, body.encode())


async def failure(url: str) -> MemoryServiceError:
    async with MemoryClient(url, timeout_s=5) as memories:
        with pytest.raises(MemoryServiceError) as caught:
            await memories.get("1a2b3c4d")
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("422 Unprocessable Entity", "invalid", InvalidError),
        ("401 Unauthorized", "unauthorized", UnauthorizedError),
        ("403 Forbidden", "forbidden", ForbiddenError),
        ("404 Not Found", "not-found", NotFoundError),
        ("409 Conflict", "conflict", ConflictError),
        ("409 Conflict", "ambiguous-id", AmbiguousIdError),
        ("413 Content Too Large", "too-large", TooLargeError),
        ("503 Service Unavailable", "unavailable", AwayError),
        ("503 Service Unavailable", "model-unavailable", ModelUnavailableError),
        ("507 Insufficient Storage", "storage-full", StorageFullError),
        ("400 Bad Request", "a-code-of-the-future", MemoryServiceError),
    ],
)
async def test_a_problem_becomes_the_error_that_the_engine_raised(
    status: str, code: str, kind: type[MemoryServiceError]
) -> None:
    with answering(a_problem(status, code)) as url:
        error = await failure(url)

    assert type(error) is kind
    assert str(error) == "what happened; what to do"


async def test_a_limited_caller_learns_how_long_to_wait() -> None:
    with answering(a_problem("429 Too Many Requests", "rate-limited", more=',"retry_after_s":12.5')) as url:
        error = await failure(url)

    assert isinstance(error, RateLimitedError)
    assert error.retry_after_s == 12.5


@pytest.mark.parametrize(
    ("status", "headers", "kind", "says"),
    [
        ("502 Bad Gateway", (), AwayError, "502 Bad Gateway"),
        ("504 Gateway Timeout", (), AwayError, "try again"),
        ("401 Unauthorized", (), UnauthorizedError, "MEMORY_API_KEY"),
        ("403 Forbidden", (), ForbiddenError, "403"),
        ("413 Payload Too Large", (), TooLargeError, "proxy"),
        ("429 Too Many Requests", ("Retry-After: 7",), RateLimitedError, "in 7 s"),
        ("429 Too Many Requests", ("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT",), RateLimitedError, "in 1 s"),
        ("404 Not Found", (), NoSuchAddressError, "is it a memory server"),
        ("301 Moved Permanently", ("Location: https://memory.lan/",), UnavailableError, "https://memory.lan/"),
    ],
)
async def test_a_page_of_a_proxy_becomes_a_sentence_that_helps(
    status: str, headers: tuple[str, ...], kind: type[MemoryServiceError], says: str
) -> None:
    with answering(an_answer(status, b"<html><h1>nginx</h1></html>", *headers, media="text/html")) as url:
        error = await failure(url)

    assert type(error) is kind
    assert says in str(error)
    assert url in str(error)
    assert "<html>" not in str(error)


async def test_a_redirect_is_not_followed_so_that_the_key_stays_with_its_server() -> None:
    requests: list[bytes] = []
    with answering(an_answer("307 Temporary Redirect", b"", "Location: /elsewhere"), requests=requests) as url:
        assert "redirects to /elsewhere" in str(await failure(url))

    assert len(requests) == 1


@pytest.mark.parametrize("body", [b"<html>welcome</html>", b'{"status": "ok"}', b"", b"\xff\xfe", b'{"id": 1}'])
async def test_a_success_that_is_no_memory_is_not_taken_for_one(body: bytes) -> None:
    with answering(an_answer("200 OK", body, media="application/json")) as url:
        error = await failure(url)

    assert isinstance(error, UnavailableError)
    assert "is it a memory server" in str(error)


async def test_fields_of_a_newer_server_are_no_obstacle() -> None:
    body = msgspec.json.encode(msgspec.to_builtins(a_memory()) | {"pinned": True})
    with answering(an_answer("200 OK", body, media="application/json")) as url:
        async with MemoryClient(url) as memories:
            assert await memories.get("1a2b3c4d") == a_memory()


async def test_a_type_of_a_newer_server_says_that_versions_differ() -> None:
    body = b'{"status":"ok","version":"9.0","embedding":{"state":"dreaming"}}'
    with answering(an_answer("200 OK", body, media="application/json")) as url:
        async with MemoryClient(url) as memories:
            with pytest.raises(UnavailableError, match=r"another version.*dreaming"):
                await memories.health()


async def test_a_route_that_an_older_server_lacks_is_no_missing_memory() -> None:
    with answering(a_problem("404 Not Found", "no-route")) as url:
        error = await failure(url)

    assert type(error) is NoSuchAddressError
    assert "older" in str(error)


async def test_nobody_listening_names_the_address_and_what_to_check() -> None:
    port = free_port()

    error = await failure(f"http://127.0.0.1:{port}")

    assert isinstance(error, UnavailableError)
    assert f"cannot reach http://127.0.0.1:{port} (connection refused)" in str(error)
    assert "MEMORY_SERVER" in str(error)


async def test_a_name_that_nobody_knows_is_the_same() -> None:
    error = await failure("http://no-such-host.invalid:8420")

    assert isinstance(error, UnavailableError)
    assert "cannot reach http://no-such-host.invalid:8420 (no machine of that name is known here)" in str(error)


async def test_plain_http_asked_for_tls_is_said_as_the_light_client_says_it() -> None:
    def plain(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(an_answer("400 Bad Request", b""))
        connection.recv(65536)  # a close with bytes unread would be a reset

    with listening(plain) as port:
        error = await failure(f"https://127.0.0.1:{port}")

    assert isinstance(error, AwayError)
    assert "no TLS connection to https://" in str(error)
    assert "does it speak plain http://?" in str(error)


@pytest.mark.parametrize(
    ("content", "why"), [(None, "no such file or directory"), (b"no certificate", "they hold no certificate")]
)
async def test_certificates_that_cannot_be_read_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, why: str
) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    with pytest.raises(UnavailableError, match=f"SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: {why}"):
        MemoryClient("https://memory.lan")


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "gopher://127.0.0.1:1"])
async def test_a_proxy_of_another_kind_is_one_sentence(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)

    with pytest.raises(UnavailableError, match="HTTP_PROXY or ALL_PROXY names cannot be used; name one with http://"):
        MemoryClient("http://memory.lan")


async def test_a_server_that_dies_in_the_middle_warns_before_a_repeat() -> None:
    with answering(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{") as url:
        async with MemoryClient(url) as memories:
            with pytest.raises(UnavailableError, match="look before you repeat"):
                await memories.add(NewMemory(content="kept or not?"))


async def test_a_server_that_never_answers_is_given_up_after_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with MemoryClient(url, timeout_s=0.2) as memories:
            with pytest.raises(UnavailableError, match=r"did not answer within 0\.2 s"):
                await memories.health()


async def test_https_towards_plain_http_is_a_sentence_too() -> None:
    with listening(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        error = await failure(f"https://127.0.0.1:{port}")

    assert isinstance(error, UnavailableError)


@pytest.mark.parametrize("is_known", [False, True])
async def test_a_certificate_is_trusted_only_if_ssl_cert_file_vouches_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    authority, certificate, key = make_authority(tmp_path)
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    behind = listening(says(a_problem("404 Not Found", "not-found")))
    with behind as plain, listening(tls_front(certificate, key, plain)) as port:
        error = await failure(f"https://localhost:{port}")

    assert isinstance(error, NotFoundError if is_known else UnavailableError)
    assert ("SSL_CERT_FILE" in str(error)) is not is_known


# ── The local server ──


async def test_a_local_server_that_left_is_found_again_without_repeating_a_write() -> None:
    """The first address has nobody; the client asks where the server is now and sends the request there, once."""
    gone = f"http://127.0.0.1:{free_port()}"
    asked: list[str] = []
    with answering(a_problem("507 Insufficient Storage", "storage-full")) as url:

        def locate() -> tuple[str, str | None]:
            asked.append("again")
            return url, "token"

        async with MemoryClient(gone, locate=locate) as memories:
            with pytest.raises(StorageFullError):
                await memories.add(NewMemory(content="x"))

    assert asked == ["again"]


# ── Proxies ──


async def test_a_proxy_of_the_environment_is_used_for_others_and_never_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The key of a local server must not travel through the company's proxy."""
    with answering(a_problem("404 Not Found", "not-found", "the proxy was asked")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "")
        elsewhere = await failure("http://memory.example:8420")
    assert str(elsewhere) == "the proxy was asked"

    with answering(a_problem("404 Not Found", "not-found", "the server was asked")) as url:
        here = await failure(url)
    assert str(here) == "the server was asked"


# ── Files ──


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_an_export_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nX-Memory-Count: 9\r\nContent-Length: 5000\r\n\r\nPAR1") as url:
        async with MemoryClient(url) as memories:
            with pytest.raises(UnavailableError):
                await memories.export_file(tmp_path / "all.parquet")

    assert names_in(tmp_path) == []


async def test_an_export_counts_its_bytes_and_appears_whole(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with answering(an_answer("200 OK", b"p" * 1_000_000, "X-Memory-Count: 9", media="application/octet-stream")) as url:
        async with MemoryClient(url) as memories:
            count = await memories.export_file(
                tmp_path / "all.parquet", progress=lambda done, total: seen.append((done, total))
            )

    assert count == 9
    assert (tmp_path / "all.parquet").read_bytes() == b"p" * 1_000_000
    assert seen[-1] == (1_000_000, 1_000_000)
    assert names_in(tmp_path) == ["all.parquet"]


async def test_an_export_into_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with answering(an_answer("200 OK", b"PAR1", "X-Memory-Count: 0", media="application/octet-stream")) as url:
        async with MemoryClient(url) as memories:
            with pytest.raises(NotFoundError, match=r"there is no folder .*nowhere; make it, or name another file"):
                await memories.export_file(tmp_path / "nowhere" / "all.parquet")


async def test_an_import_of_nothing_asks_no_server(tmp_path: Path) -> None:
    async with MemoryClient("http://127.0.0.1:1") as memories:
        with pytest.raises(NotFoundError, match=r"missing\.parquet does not exist"):
            await memories.import_file(tmp_path / "missing.parquet")
        with pytest.raises(InvalidError, match="directory"):
            await memories.import_file(tmp_path)


async def test_an_import_sends_the_file_piece_by_piece(tmp_path: Path) -> None:
    file = tmp_path / "all.parquet"
    file.write_bytes(b"p" * 1_000_000)
    seen: list[tuple[int, int | None]] = []
    with answering(an_answer("200 OK", b'{"imported":3,"unchanged":0}', media="application/json")) as url:
        async with MemoryClient(url) as memories:
            report = await memories.import_file(file, progress=lambda done, total: seen.append((done, total)))

    assert report.imported == 3
    assert seen[-1] == (1_000_000, 1_000_000)
    assert len(seen) > 2
