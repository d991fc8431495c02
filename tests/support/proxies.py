"""Something between a client and a real server that changes what the server says: its headers, or its body."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

Change = Callable[[str, dict[str, str], bytes], tuple[int | None, dict[str, str], bytes]]
"""Path, headers in lower case and body to status (null: as it was), headers and body."""

_OWN = {"connection", "content-length", "host", "transfer-encoding"}


@contextlib.contextmanager
def changed_on_the_way(url: str, change: Change) -> Iterator[str]:
    """The address at which `url` answers with changes."""

    class Between(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            sent = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            answer = httpx.request(self.command, url + self.path, headers=sent, content=body, timeout=60)
            known = {name: value for name, value in answer.headers.items() if name not in _OWN}
            status, headers, content = change(self.path.partition("?")[0], known, answer.content)
            self.send_response_only(status or answer.status_code)
            for name, value in (headers | {"content-length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = forward  # noqa: N815 - http.server asks for these names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
