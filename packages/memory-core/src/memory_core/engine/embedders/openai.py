"""A model behind an OpenAI-compatible endpoint: OpenAI itself, Ollama, llama.cpp, LM Studio, vLLM, LiteLLM and others.

Nothing is loaded here: `endpoint` sends the texts, this module decides which, and what the numbers must be. The
model's tokens cannot be counted from outside, so long texts are cut by characters.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from memory_core.engine.embedders.borders import pieces_by_width
from memory_core.engine.embedders.card import known_prompts
from memory_core.engine.embedders.endpoint import Endpoint
from memory_core.engine.ports import EmbedderOptions, ModelIdentity, Vectors
from memory_core.errors import ModelUnavailableError, UnavailableError

DEFAULT_URL = "https://api.openai.com/v1"
PIECE_CHARACTERS = 2000  # about 512 tokens of English, which all but the smallest models read
REQUEST_TEXTS = 32
REQUEST_CHARACTERS = 64_000
QUERY_S = 3.0  # a person or an agent waits; keyword search has its answer already
QUIET_S = 10.0  # for so long nobody waits again for an endpoint that let a query wait in vain

_REVISION = "api"  # what runs behind the name cannot be known
_PROBE = "memory"
_NOTHING = "."  # in place of an empty text, which most servers refuse


def load_embedder(name: str, options: EmbedderOptions) -> "OpenAIEmbedder":
    """One call tells whether the endpoint works, and the dimension. Raises ModelUnavailableError."""
    if not name:
        raise ModelUnavailableError("No model is named; set MEMORY_EMBEDDER to openai:MODEL, as the endpoint names it")
    return OpenAIEmbedder(Endpoint(options.url or DEFAULT_URL, model=name, key=options.api_key), name)


class OpenAIEmbedder:
    """Thread-safe: so is the endpoint, and what is kept here is one time."""

    def __init__(
        self, endpoint: Endpoint, name: str, *, piece_characters: int = PIECE_CHARACTERS, query_s: float = QUERY_S
    ) -> None:
        self._endpoint = endpoint
        self._query_prompt, self._document_prompt = known_prompts(name)
        self._piece_characters = piece_characters - len(self._document_prompt)
        self._query_s = query_s
        self._quiet_until = 0.0  # on the monotonic clock
        try:
            dimension = endpoint.vectors([_PROBE], quote=True).shape[1]
        except UnavailableError as error:
            endpoint.close()
            raise ModelUnavailableError(str(error)) from error
        self._identity = ModelIdentity(name=name, revision=_REVISION, dimension=dimension)

    @property
    def model(self) -> ModelIdentity:
        return self._identity

    def pieces(self, text: str) -> list[str]:
        return pieces_by_width(text, self._piece_characters)

    def embed(self, texts: Sequence[str]) -> Vectors:
        prompted = [self._document_prompt + text for text in texts]
        rows = [self._unit(self._endpoint.vectors(request)) for request in _requests(prompted)]
        self._quiet_until = 0.0
        return np.concatenate(rows) if rows else np.empty((0, self._identity.dimension), dtype=np.float32)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Raises ModelUnavailableError after `QUERY_S` seconds in all, and at once for `QUIET_S` after that."""
        if time.monotonic() < self._quiet_until:
            raise ModelUnavailableError(f"{self._endpoint.url} failed a moment ago; queries are not sent there for now")
        query = (self._query_prompt + self.pieces(text)[0]) or _NOTHING
        try:
            rows = _at_most(self._query_s, lambda: self._endpoint.vectors([query], within_s=self._query_s))
        except (ModelUnavailableError, TimeoutError) as error:
            self._quiet_until = time.monotonic() + QUIET_S
            if isinstance(error, ModelUnavailableError):
                raise
            raise ModelUnavailableError(f"{self._endpoint.url} did not answer within {self._query_s:g} s") from error
        vector: NDArray[np.float32] = self._unit(rows)[0]
        return vector

    def close(self) -> None:
        self._endpoint.close()

    def _unit(self, rows: NDArray[np.float64]) -> Vectors:
        if rows.shape[1] != self._identity.dimension:
            raise ModelUnavailableError(
                f"{self._endpoint.url} gave {rows.shape[1]} numbers a text where it gave {self._identity.dimension} "
                "before; if it serves another model now, start the server again"
            )
        largest = np.abs(rows).max(axis=1, keepdims=True)
        if not largest.all():
            raise UnavailableError(f"{self._endpoint.url} gave an embedding that is zero throughout")
        scaled = rows / largest  # else the squares of large numbers are infinite, and those of small ones nothing
        unit: Vectors = (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32)
        return unit


def _requests(texts: Sequence[str]) -> Iterator[list[str]]:
    """`texts` in order, in so many requests that none holds too much."""
    request: list[str] = []
    characters = 0
    for text in texts:
        if len(request) == REQUEST_TEXTS or (request and characters + len(text) > REQUEST_CHARACTERS):
            yield request
            request, characters = [], 0
        request.append(text or _NOTHING)
        characters += len(text)
    if request:
        yield request


def _at_most(limit_s: float, call: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
    """What `call` gives. Raises TimeoutError after `limit_s` seconds, whatever holds it up: an HTTP client's limits
    are for each read, and there is none for the look-up of a name."""
    future: Future[NDArray[np.float64]] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - handed to who waits
            future.set_exception(error)

    # Not of a pool: one that hangs must hold up neither the next query nor the end of the process.
    threading.Thread(target=work, name="embed-query", daemon=True).start()
    return future.result(limit_s)
