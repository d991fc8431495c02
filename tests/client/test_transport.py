"""The small HTTP client, against servers that say what they like."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_client.connection import Ticket
from memory_client.errors import CancelledError, RefusedError, SettingError, SilentError, UnreachableError
from memory_client.transport import Transport
from support.sockets import Proxy, free_port, listening, make_authority, read_request, says, tls_front

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    return make_authority(tmp_path_factory.mktemp("authority"))


def fetch(url: str, path: str = "/x", *, proxy: str | None = None) -> bytes:
    transport = Transport(url, headers={"X-API-Key": "k"}, proxy=proxy, connect_timeout_s=5, silence_timeout_s=5)
    try:
        with transport.request("GET", path) as answer:
            return answer.read()
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK, b"ok"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n3\r\n...\r\n0\r\nTrailer: t\r\n\r\n",
            b"ok...",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.0 200\r\ncontent-length:2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nwhy", b"why"),
    ],
)
def test_a_body_is_read_however_it_is_framed(answer: bytes, body: bytes) -> None:
    with listening(says(answer)) as port:
        assert fetch(f"http://127.0.0.1:{port}") == body


def test_a_connection_is_kept_and_the_key_goes_with_every_request() -> None:
    requests: list[bytes] = []
    connections = []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        says(OK, OK, OK, requests=requests)(connection)

    with listening(serve) as port:
        transport = Transport(f"http://127.0.0.1:{port}/base", headers={"X-API-Key": "k"})
        for _ in range(3):
            with transport.request("POST", "/mcp", body=b"{}") as answer:
                assert answer.read() == b"ok"
        transport.close()

    assert len(connections) == 1
    assert all(r.startswith(b"POST /base/mcp HTTP/1.1\r\n") and b"\r\nX-API-Key: k\r\n" in r for r in requests)


def test_a_kept_connection_that_died_is_replaced() -> None:
    with listening(says(OK)) as port:  # closes after one answer
        transport = Transport(f"http://127.0.0.1:{port}", headers={})
        for _ in range(3):
            with transport.request("GET", "/") as answer:
                assert answer.read() == b"ok"
        transport.close()


def test_a_kept_connection_that_dies_during_the_request_is_replaced_once() -> None:
    """The server closes after it has read the second request, and has said nothing: the request is sent again."""
    heard = []

    def serve(connection: socket.socket) -> None:
        heard.append(read_request(connection))
        connection.sendall(OK)
        heard.append(read_request(connection))

    with listening(serve) as port:
        transport = Transport(f"http://127.0.0.1:{port}", headers={})
        with transport.request("GET", "/first") as answer:
            answer.read()
        with transport.request("GET", "/second", headers={"Idempotency-Key": "i"}) as answer:
            assert answer.read() == b"ok"
        transport.close()

    seconds = [request for request in heard if request.startswith(b"GET /second")]
    assert len(seconds) == 2
    assert all(b"Idempotency-Key: i" in request for request in seconds)


def test_nothing_is_sent_again_once_an_answer_has_begun() -> None:
    heard = []

    def serve(connection: socket.socket) -> None:
        heard.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    with listening(serve) as port, pytest.raises(UnreachableError, match="broke off: it closed the connection"):
        fetch(f"http://127.0.0.1:{port}")

    assert len(heard) == 1


def test_a_redirect_is_an_error_and_the_key_goes_nowhere() -> None:
    stolen: list[bytes] = []
    with listening(says(OK, requests=stolen)) as thief:
        moved = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:%d/mcp\r\nContent-Length: 0\r\n\r\n" % thief
        with listening(says(moved)) as port, pytest.raises(UnreachableError, match=r"redirects to .* MEMORY_SERVER"):
            fetch(f"http://127.0.0.1:{port}")

    assert stolen == []


def test_nobody_listening_is_told_apart() -> None:
    with pytest.raises(RefusedError, match=r"^http://127\.0\.0\.1:\d+ is unreachable: connection refused$"):
        fetch(f"http://127.0.0.1:{free_port()}")


def test_an_unknown_name_is_one_sentence() -> None:
    with pytest.raises(UnreachableError, match="no machine of that name is known here"):
        fetch("http://memory.invalid:8420")


def test_a_server_that_says_nothing_is_given_up() -> None:
    hang = threading.Event()
    with listening(lambda _: hang.wait()) as port:
        transport = Transport(f"http://127.0.0.1:{port}", headers={})
        with pytest.raises(SilentError, match="does not answer"):
            transport.request("GET", "/", timeout_s=0.05)
        hang.set()


@pytest.mark.parametrize(
    "nonsense", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x16\x03\x01\x00\x05" * 10 + b"\r\n"]
)
def test_what_is_not_http_is_one_sentence(nonsense: bytes) -> None:
    with listening(says(nonsense)) as port, pytest.raises(UnreachableError, match="not HTTP"):
        fetch(f"http://127.0.0.1:{port}")


def test_a_broken_chunk_is_one_sentence() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    with listening(says(answer)) as port, pytest.raises(UnreachableError, match="broke off: what it sends is not HTTP"):
        fetch(f"http://127.0.0.1:{port}")


def test_a_refusal_of_a_large_body_is_heard_although_it_was_not_read() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    with listening(serve) as port:
        transport = Transport(f"http://127.0.0.1:{port}", headers={})
        with transport.request("POST", "/", body=b"x" * 10_000_000) as answer:
            assert answer.status == 413


def test_lines_come_as_they_are_sent() -> None:
    """A stream is not waited for to its end: the second line is sent only when the first has been read."""
    read = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n")
        read.wait()
        connection.sendall(b"2\r\ntw\r\n2\r\no\n\r\n0\r\n\r\n")

    with listening(serve) as port:
        transport = Transport(f"http://127.0.0.1:{port}", headers={})
        with transport.request("GET", "/") as answer:
            lines = answer.lines()
            assert next(lines) == b"one"
            read.set()
            assert list(lines) == [b"two"]
        transport.close()


def test_cancelling_wakes_whoever_waits_for_an_answer() -> None:
    heard, hang = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        heard.set()
        hang.wait()

    with listening(serve) as port:
        transport, ticket = Transport(f"http://127.0.0.1:{port}", headers={}), Ticket()
        threading.Thread(target=lambda: (heard.wait(), ticket.cancel())).start()
        with pytest.raises(CancelledError):
            transport.request("GET", "/", ticket=ticket)
        hang.set()


def test_cancelling_closes_a_stream_and_the_server_notices() -> None:
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n")
        if not connection.recv(1):
            ended.set()

    with listening(serve) as port:
        transport, ticket = Transport(f"http://127.0.0.1:{port}", headers={}), Ticket()
        with transport.request("GET", "/", ticket=ticket) as answer:
            lines = answer.lines()
            next(lines)
            ticket.cancel()
            with pytest.raises(CancelledError):
                next(lines)
        assert ended.wait(10)


def test_a_request_cancelled_before_it_starts_is_not_sent() -> None:
    requests: list[bytes] = []
    with listening(says(OK, requests=requests)) as port:
        transport, ticket = Transport(f"http://127.0.0.1:{port}", headers={}), Ticket()
        ticket.cancel()
        with pytest.raises(CancelledError):
            transport.request("GET", "/", ticket=ticket)
    assert requests == []


def test_many_threads_share_one_transport() -> None:
    def serve(connection: socket.socket) -> None:
        while request := read_request(connection):
            body = request.split(b" ")[1]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with listening(serve) as port:
        transport = Transport(f"http://127.0.0.1:{port}", headers={})
        wrong = []

        def ask(number: int) -> None:
            for turn in range(20):
                path = f"/{number}/{turn}"
                with transport.request("GET", path) as answer:
                    if answer.read() != path.encode():
                        wrong.append(path)

        threads = [threading.Thread(target=ask, args=[number]) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()

    assert wrong == []


def test_an_ipv6_address_is_reached() -> None:
    requests: list[bytes] = []
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with listening(says(OK, requests=requests), host="::1") as port:
        assert fetch(f"http://[::1]:{port}") == b"ok"
    assert b"\r\nHost: [::1]:%d\r\n" % port in requests[0]


@pytest.fixture
def https(authority: tuple[Path, Path, Path]) -> Iterator[str]:
    _, certificate, key = authority
    with listening(says(OK, OK)) as backend, listening(tls_front(certificate, key, backend)) as port:
        yield f"https://localhost:{port}"


def test_a_certificate_of_an_authority_that_ssl_cert_file_names_is_trusted(
    https: str, authority: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    assert fetch(https) == b"ok"


def test_a_certificate_of_an_unknown_authority_is_not_trusted(https: str) -> None:
    with pytest.raises(UnreachableError, match=r"of https://localhost:\d+ is not trusted: .* SSL_CERT_FILE"):
        fetch(https)


def test_a_certificate_for_another_name_is_not_trusted(
    https: str, authority: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    with pytest.raises(UnreachableError, match="not trusted: IP address mismatch"):
        fetch(https.replace("localhost", "127.0.0.1"))


def test_https_to_a_plain_server_says_so() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(serve) as port, pytest.raises(UnreachableError, match="does it speak plain http"):
        fetch(f"https://127.0.0.1:{port}")


def test_a_proxy_carries_plain_requests() -> None:
    proxy, requests = Proxy(), []
    with listening(says(OK, requests=requests)) as port, listening(proxy.serve) as via:
        assert fetch(f"http://127.0.0.1:{port}", "/health", proxy=f"http://127.0.0.1:{via}") == b"ok"
    assert proxy.asked == [f"GET http://127.0.0.1:{port}/health"]
    assert requests[0].startswith(b"GET /health HTTP/1.1\r\n")


def test_a_proxy_carries_https_and_sees_no_key(
    https: str, authority: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    proxy = Proxy(password=b"bWU6cCBAc3M=")  # me:p @ss
    with listening(proxy.serve) as via:
        assert fetch(https, proxy=f"http://me:p%20%40ss@127.0.0.1:{via}") == b"ok"
    assert proxy.asked == ["CONNECT " + https.removeprefix("https://")]


def test_a_proxy_that_refuses_is_named(https: str) -> None:
    with listening(Proxy(password=b"x").serve) as via, pytest.raises(UnreachableError, match="407 Proxy Auth"):
        fetch(https, proxy=f"http://127.0.0.1:{via}")


def test_a_proxy_that_is_away_is_named() -> None:
    with pytest.raises(RefusedError, match=r"the proxy 127\.0\.0\.1:\d+ on the way to http://memory\.lan:8420"):
        fetch("http://memory.lan:8420", proxy=f"http://127.0.0.1:{free_port()}")


def test_a_proxy_of_a_kind_we_do_not_speak_is_a_setting_error() -> None:
    with pytest.raises(SettingError, match="socks5://, which is not supported"):
        Transport("http://memory.lan:8420", headers={}, proxy="socks5://127.0.0.1:1080")
