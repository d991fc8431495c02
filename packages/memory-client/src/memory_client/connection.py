"""One connection to a server: plain, through TLS, or through a proxy. Knows nothing of requests but CONNECT.

Every failure to connect ends in one sentence.
"""

import select
import socket
import threading
import time
from collections.abc import Callable

from memory_client.errors import CancelledError, RefusedError, SettingError, SilentError, UnreachableError
from memory_client.urls import Address, split
from memory_core.system import hang_up, trusts_by_itself

TYPE_CHECKING = False  # typing itself would cost a start 5 ms
if TYPE_CHECKING:
    import ssl
    from io import BufferedReader

# Where distributions keep their certificates, for a Python that was built elsewhere.
_CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class Connection:
    """A connected socket and its reader."""

    __slots__ = ("idle_since", "reader", "socket")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.reader: BufferedReader = connected.makefile("rb")
        self.idle_since = 0.0

    def reusable(self, *, max_idle_s: float) -> bool:
        """Whether the other side has kept it open. A silent idle connection that is old may be dead without a sign."""
        if time.monotonic() - self.idle_since > max_idle_s:
            return False
        readable, _, _ = select.select([self.socket], [], [], 0)
        return not readable

    def interrupt(self) -> None:
        """Wake whoever reads from it, from another thread; TLS is left alone, only the socket under it ends."""
        hang_up(self.socket)

    def close(self) -> None:
        self.reader.close()
        self.socket.close()


class Ticket:
    """Lets another thread cancel a request, whatever it waits for."""

    def __init__(self) -> None:
        self.cancelled = False
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def cancel(self) -> None:
        with self._lock:
            self.cancelled = True
            if self._connection is not None:
                self._connection.interrupt()

    def hold(self, connection: Connection | None) -> None:
        """The connection that the request now uses. Raises CancelledError."""
        with self._lock:
            if self.cancelled and connection is not None:
                connection.close()
                raise CancelledError("the request was cancelled")
            self._connection = connection


def connector(address: Address, proxy: str | None) -> Callable[[float], Connection]:
    """A function that opens one more connection to `address`, within the given seconds. Raises SettingError."""
    via = None if proxy is None else split("the proxy's address", proxy)
    if via is not None and via.scheme != "http":
        raise SettingError(f"the proxy is of the kind {via.scheme}://, which is not supported; name one with http://")
    secure = _Tls(address.host) if address.scheme == "https" else None
    name = f"{address.scheme}://{address.authority}"

    def connect(timeout_s: float) -> Connection:
        try:
            connected = socket.create_connection(
                (address.host, address.port) if via is None else (via.host, via.port), timeout=timeout_s
            )
        except OSError as error:
            where = name if via is None else f"the proxy {via.authority} on the way to {name}"
            raise unreachable(where, error) from None
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if secure is not None:
                if via is not None:
                    _tunnel(connected, address, via)
                connected = secure.wrap(connected, name)
        except BaseException:
            connected.close()
            raise
        return Connection(connected)

    return connect


class _Tls:
    """TLS with the system's trust store, or what SSL_CERT_FILE names. Loaded once, when first needed: 30 ms."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def wrap(self, connected: socket.socket, name: str) -> socket.socket:
        import ssl  # only https pays for it

        with self._lock:
            if self._context is None:
                self._context = ssl.create_default_context(cafile=_ca_bundle())
            context = self._context
        try:
            return context.wrap_socket(connected, server_hostname=self._host)
        except OSError as error:
            raise UnreachableError(no_tls(name, error)) from None


def no_tls(name: str, error: OSError) -> str:
    """Why there is no TLS connection to `name`, as a sentence."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        return f"the certificate of {name} is not trusted: {why}; name its authority's certificate in SSL_CERT_FILE"
    if not isinstance(error, ssl.SSLError):
        return f"no TLS connection to {name}: {reason(error)}"
    hint = "; does it speak plain http://?" if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE") else ""
    said = error.reason.replace("_", " ").lower() if error.reason else error.strerror
    return f"no TLS connection to {name}: {said}{hint}"


def _ca_bundle() -> str | None:
    """None where OpenSSL finds its certificates by itself."""
    import os
    import ssl

    known = ssl.get_default_verify_paths()
    if known.cafile or known.capath or trusts_by_itself():
        return None
    return next((path for path in _CA_BUNDLES if os.path.exists(path)), None)


def proxy_authorization(via: Address) -> str:
    """The header that `user:password@` in a proxy's address asks for; empty without."""
    if not via.userinfo:
        return ""
    from base64 import b64encode  # few proxies ask for it
    from urllib.parse import unquote

    token = b64encode(unquote(via.userinfo).encode()).decode()
    return f"Proxy-Authorization: Basic {token}\r\n"


def _tunnel(connected: socket.socket, address: Address, via: Address) -> None:
    """CONNECT through the proxy. Byte by byte, so that nothing of what TLS says next is swallowed."""
    where = address.host_and_port
    request = f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n{proxy_authorization(via)}\r\n"
    try:
        connected.sendall(request.encode("latin-1"))
        answer = b""
        while not answer.endswith(b"\r\n\r\n") and len(answer) < 65536:
            byte = connected.recv(1)
            if not byte:
                break
            answer += byte
    except OSError as error:
        raise UnreachableError(f"the proxy {via.authority} does not connect to {where}: {reason(error)}") from None
    status = answer.partition(b"\r\n")[0].decode("latin-1").partition(" ")[2]
    if not status.startswith("2"):
        why = f"it says {status}" if status else "it closed the connection"
        raise UnreachableError(f"the proxy {via.authority} does not connect to {where}: {why}")


def unreachable(where: str, error: OSError) -> UnreachableError:
    """`error` as the sentence that `where` cannot be had."""
    kind = UnreachableError
    if isinstance(error, ConnectionRefusedError):
        kind = RefusedError
    elif isinstance(error, TimeoutError):
        kind = SilentError
    return kind(f"{where} is unreachable: {reason(error)}")


def reason(error: OSError) -> str:
    """An operating system's error in a few words."""
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, socket.gaierror):
        return "no machine of that name is known here"
    return error.strerror.lower() if error.strerror else str(error) or type(error).__name__
