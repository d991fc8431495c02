"""A model hub on loopback: the few answers of the Hugging Face API that fetching a model needs, over real HTTP."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves `files` of one repository. `served` lists the files that were fetched; `broken` names those that fail."""

    def __init__(self, repository: str, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.repository = repository
        self.files = files
        self.served: list[str] = []
        self.broken: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def running_hub(repository: str, files: dict[str, bytes]) -> Iterator[Hub]:
    with Hub(repository, files) as hub:
        thread = Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


class _Answers(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        pass

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        files = f"/{self.server.repository}/resolve/{REVISION}/"
        if path.startswith(f"/api/models/{self.server.repository}"):
            siblings = [{"rfilename": name} for name in self.server.files]
            self._send(json.dumps({"id": self.server.repository, "sha": REVISION, "siblings": siblings}).encode(), body)
        elif path.startswith(files) and (name := path.removeprefix(files)) in self.server.files:
            if name in self.server.broken:
                self.send_error(403)
                return
            if body:
                self.server.served.append(name)
            self._send(self.server.files[name], body)
        else:
            self.send_error(404)

    def _send(self, content: bytes, body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.end_headers()
        if body:
            self.wfile.write(content)
