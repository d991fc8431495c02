"""An OpenAI-compatible endpoint on loopback, over real HTTP. What it can be made to do wrong, real ones do.

    with running_embedding_api() as api:
        load_embedder("toy", options(url=api.url))

Its vectors are a toy's unless `embed` computes others: texts with words of the same meaning are near.
"""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from memory_core.engine.ports import Vectors
from support.toys import ToyEmbedder

_SAME = {"release": "deploy", "schedule": "fridays", "pet": "cat", "feline": "cat", "laptop": "computer"}
_toy = ToyEmbedder()


def meanings(texts: Sequence[str]) -> Vectors:
    """Three times as long as a unit vector: an endpoint need not normalise."""
    plain = [re.sub(r"\w+", lambda word: _SAME.get(word[0].casefold(), word[0]), text) for text in texts]
    return np.stack([3 * _toy.embed_query(text) for text in plain])


@dataclass(frozen=True)
class Refusal:
    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class EmbeddingApi(ThreadingHTTPServer):
    """Answers rows in reverse order. `bodies` and `keys` are what came; `refusals` are given out first, one each.

    `spoil` changes an answer before it is sent; nothing is answered while `free` is not set. While `drips`, an answer
    never ends and never pauses for long.
    """

    def __init__(self, embed: Callable[[Sequence[str]], Vectors], port: int) -> None:
        super().__init__(("127.0.0.1", port), _Answers)
        self.embed = embed
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.refusals: list[Refusal] = []
        self.wanted_key: str | None = None
        self.spoil: Callable[[dict[str, Any]], object] = lambda answer: answer
        self.drips = False
        self.free = threading.Event()
        self.free.set()
        self.ended = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def inputs(self) -> list[list[str]]:
        return [body["input"] for body in self.bodies]


@contextmanager
def running_embedding_api(
    embed: Callable[[Sequence[str]], Vectors] = meanings, *, port: int = 0
) -> Iterator[EmbeddingApi]:
    with EmbeddingApi(embed, port) as api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            api.free.set()
            api.ended.set()
            api.shutdown()
            thread.join()


def unused_url() -> str:
    """Where an endpoint was a moment ago and is no more."""
    with running_embedding_api() as api:
        return api.url


class _Answers(BaseHTTPRequestHandler):
    server: EmbeddingApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two packets, and the second would wait for 40 ms

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Authorization"]
        self.server.bodies.append(body)
        self.server.keys.append(key)
        self.server.free.wait()
        with contextlib.suppress(ConnectionError):  # who asked may have left
            if self.server.drips:
                self._drip()
            elif self.server.refusals:
                refusal = self.server.refusals.pop(0)
                self._send(refusal.status, refusal.body, refusal.headers)
            elif self.server.wanted_key and key != f"Bearer {self.server.wanted_key}":
                self._send(401, json.dumps({"error": {"message": f"Incorrect API key: {key}"}}))
            elif self.path != "/v1/embeddings":
                self._send(404, "not here")
            else:
                self._send(200, self._embeddings(body["input"]))

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        pass

    def _embeddings(self, texts: Sequence[str]) -> str:
        rows = [
            {"object": "embedding", "index": index, "embedding": row.tolist()}
            for index, row in enumerate(self.server.embed(texts))
        ]
        spoilt = self.server.spoil({"object": "list", "data": rows[::-1], "model": "toy"})
        return spoilt if isinstance(spoilt, str) else json.dumps(spoilt)

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not self.server.ended.wait(0.02):
            self.wfile.write(b" ")

    def _send(self, status: int, body: str, headers: Mapping[str, str] | None = None) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
