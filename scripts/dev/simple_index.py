"""A package index on loopback, made of a folder of wheels and sdists: the simple repository API (PEP 503), as files."""

import hashlib
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@contextmanager
def serving(dist: Path) -> Iterator[str]:
    """The index's address, which no other run has: uv's cache then has nothing under it from before."""
    with tempfile.TemporaryDirectory() as root:
        name = secrets.token_hex(8)
        write(dist, Path(root, name))
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=root))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{name}/"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def write(dist: Path, index: Path) -> None:
    """A folder for each project, with its files and a page of links to them."""
    for file in sorted([*dist.glob("*.whl"), *dist.glob("*.tar.gz")]):
        project = index / re.sub(r"[-_.]+", "-", file.name.split("-")[0]).lower()
        project.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, project)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        with (project / "index.html").open("a", encoding="utf-8") as page:
            page.write(f'<a href="{file.name}#sha256={digest}">{file.name}</a><br>\n')


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name that it has above
        """What is asked for is seen from what is installed."""
