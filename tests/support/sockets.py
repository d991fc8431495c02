"""Servers that say exactly what a test tells them to, byte for byte, on real sockets; and what a proxy and TLS do.

For what no well-behaved server does: answers in pieces, connections that die, protocols that are not HTTP.
"""

import contextlib
import datetime as dt
import secrets
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Serve = Callable[[socket.socket], None]


# Below those that a system gives to outgoing connections, and to who asks for any: none of them takes it meanwhile.
_PORTS = range(20_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """One that nobody has, for whoever is to listen there later; never the same twice."""
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


@contextlib.contextmanager
def listening(serve: Serve, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A server that gives each connection to `serve`, in a thread of its own; its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        connections: list[socket.socket] = []
        over = threading.Event()

        def accept() -> None:
            while True:
                connection, _ = listener.accept()
                if over.is_set():
                    connection.close()
                    return
                connections.append(connection)
                threading.Thread(target=run, args=[connection], daemon=True).start()

        def run(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            over.set()
            # To shut it down would wake the thread on Linux alone.
            socket.create_connection(listener.getsockname()[:2]).close()
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join()


def read_request(connection: socket.socket) -> bytes:
    """One request, head and body; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    size = next((int(v) for n, _, v in _headers(head) if n.lower() == b"content-length"), 0)
    while len(body) < size:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _headers(head: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    return (line.partition(b": ") for line in head.split(b"\r\n")[1:])


def says(*answers: bytes, requests: list[bytes] | None = None) -> Serve:
    """Serve one request with each of `answers`, then close."""

    def serve(connection: socket.socket) -> None:
        for answer in answers:
            request = read_request(connection)
            if not request:
                return
            if requests is not None:
                requests.append(request)
            connection.sendall(answer)

    return serve


def pump(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until one side ends."""
    while True:
        pending = [s for s in (one, other) if isinstance(s, ssl.SSLSocket) and s.pending()]
        readable = pending or select.select([one, other], [], [])[0]
        for source in readable:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)


class Proxy:
    """An HTTP proxy: CONNECT, and whole URLs. Knows what it was asked for; may want a password.

    `memory.test` is a name that the proxy alone can resolve.
    """

    def __init__(self, *, password: bytes | None = None) -> None:
        self.asked: list[str] = []
        self._password = password

    def serve(self, connection: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                return
            head += byte
        method, url, _ = head.split(b" ", 2)
        self.asked.append(f"{method.decode()} {url.decode()}")
        if self._password is not None and b"Proxy-Authorization: Basic " + self._password + b"\r\n" not in head:
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        authority = url if method == b"CONNECT" else url.split(b"/")[2]
        host, _, port = authority.rpartition(b":")
        name = "127.0.0.1" if host == b"memory.test" else host.decode().strip("[]")
        with socket.create_connection((name, int(port))) as upstream:
            if method == b"CONNECT":
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                upstream.sendall(head.replace(b"http://" + authority, b"", 1))
            pump(connection, upstream)


def tls_front(certificate: Path, key: Path, backend_port: int) -> Serve:
    """TLS before a plain server, as nginx would be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection, server_side=True) as plain,
            socket.create_connection(("127.0.0.1", backend_port)) as upstream,
        ):
            pump(plain, upstream)

    return serve


def make_authority(folder: Path) -> tuple[Path, Path, Path]:
    """An authority nobody knows, a certificate of its for localhost and memory.test, and the key of that."""
    now = dt.datetime.now(dt.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nobody's authority")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    authority = (
        builder(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.DNSName("memory.test")]
    certificate = (
        builder(name, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    paths = folder / "authority.pem", folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
