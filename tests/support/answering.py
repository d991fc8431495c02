"""An HTTP server of a test's own on a real socket: one function says what each request is answered."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:  # Any: as the library has it
        if not isinstance(sys.exception(), OSError):  # else who asked has left
            super().handle_error(request, client_address)


@contextlib.contextmanager
def answering(answer: Callable[[str, str, dict[str, str], bytes], Answer | None], port: int = 0) -> Iterator[int]:
    """The port where it listens. `answer` is given method, path, headers and body; None cuts the connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = answer(self.command, self.path, headers, body)
            if said is None:
                self.close_connection = True
                return
            self.send_response(said[0])
            for name, value in said[1].items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said[2])))
            self.end_headers()
            self.wfile.write(said[2])

        do_GET = do_PATCH = do_DELETE = do_POST  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    with _Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
