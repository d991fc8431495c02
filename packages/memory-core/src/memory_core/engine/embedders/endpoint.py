"""One address that answers `POST /embeddings` as OpenAI does: texts go there, checked numbers come back.

All HTTP of the embedders is here, and what each answer means. An error says whose fault it is: ModelUnavailableError,
that the endpoint serves nobody now; UnavailableError, that it did not take these texts. Neither repeats the key, nor
a text: servers quote both in what they answer, so only the answer to a text of our own is ever quoted.
"""

import re
import threading
from collections.abc import Sequence
from ipaddress import ip_address

import httpx
import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.errors import ModelUnavailableError, UnavailableError

CONNECT_S = 5.0
READ_S = 60.0  # a server may have to load its model first
LONGEST_PAUSE_S = 5.0  # that an endpoint may ask for; the queue has longer ones
_QUOTED_CHARS = 200
_READ_CHARS = 2000  # of a refusal

_WORKING = httpx.Timeout(READ_S, connect=CONNECT_S)
_OVERLOADED = {429: "has too many requests", 502: "is away", 503: "is not ready", 504: "is away"}
_TOO_LONG = re.compile(
    r"too (long|large|many tokens)|(exceed|maximum|larger|longer|less than).*(context|token|length|batch)",
    re.IGNORECASE,
)


class _Row(Struct):
    index: int
    embedding: list[float]


class _Answer(Struct):
    data: list[_Row]


class Endpoint:
    """Thread-safe. One pool of connections, kept until `close`."""

    def __init__(self, base_url: str, *, model: str, key: str | None) -> None:
        self.url = f"{base_url.rstrip('/').removesuffix('/embeddings')}/embeddings"
        self._model = model
        self._key = key
        self._closed = threading.Event()
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_WORKING,
            # A proxy of the environment is for the world outside: it knows no server of this machine.
            trust_env=not _is_here(httpx.URL(self.url).host),
        )

    def close(self) -> None:
        self._closed.set()
        self._client.close()

    def vectors(
        self, texts: Sequence[str], *, within_s: float | None = None, quote: bool = False
    ) -> NDArray[np.float64]:
        """One row a text, in order, as they came: finite, but of any length.

        `within_s` limits each wait for the network, and allows no second try. `quote` says that the texts are no one's
        and what the endpoint has to say of them may be repeated.
        """
        response = self._send(texts, within_s)
        pause_s = _asked_pause(response)
        if within_s is None and pause_s is not None and pause_s <= LONGEST_PAUSE_S and not self._closed.wait(pause_s):
            response = self._send(texts, within_s)
        if not response.is_success:
            raise self._refused(response, texts, quote=quote)
        return self._read(response.content, count=len(texts))

    def _send(self, texts: Sequence[str], within_s: float | None) -> httpx.Response:
        if self._closed.is_set():
            raise UnavailableError("The embedding model is closed; start the server again")
        body = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        try:
            return self._client.post(self.url, json=body, timeout=within_s or _WORKING)
        except httpx.ReadTimeout as error:
            # Too many texts for it, or nothing at all goes there: that is known when one text alone takes as long.
            kind = UnavailableError if len(texts) > 1 else ModelUnavailableError
            raise kind(f"{self.url} did not answer in time; see whether it is overloaded") from error
        except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: closed by another thread just now
            raise ModelUnavailableError(
                f"{self.url} cannot be reached: {str(error) or type(error).__name__}; is it running, and is "
                "MEMORY_EMBEDDER_URL right?"
            ) from error

    def _refused(self, response: httpx.Response, texts: Sequence[str], *, quote: bool) -> UnavailableError:
        status = response.status_code
        if status in (401, 403):
            fault = "does not accept MEMORY_EMBEDDER_KEY" if self._key else "wants a key; set MEMORY_EMBEDDER_KEY"
            return ModelUnavailableError(f"{self.url} answered {status}: it {fault}")
        if status == 404:
            return ModelUnavailableError(
                f"{self.url} answered 404: the model {self._model} or the address is not known there; check "
                "MEMORY_EMBEDDER and MEMORY_EMBEDDER_URL"
            )
        if status in _OVERLOADED:
            return ModelUnavailableError(f"{self.url} answered {status}: it {_OVERLOADED[status]}; it is tried again")
        if status == 413 or (status in (400, 422, 500) and _TOO_LONG.search(response.text[:_READ_CHARS])):
            longest = max(map(len, texts))
            return UnavailableError(
                f"{self.url} answered {status}: a text of {longest} characters is too long for {self._model}; choose "
                "a model with a longer context"
            )
        said = f": {self._quoted(response.text[:_READ_CHARS])}" if quote else "; its own log says why"
        return UnavailableError(f"{self.url} answered {status}{said}")

    def _quoted(self, text: str) -> str:
        hidden = text.replace(self._key, "…") if self._key else text
        return " ".join("".join(c if c.isprintable() else " " for c in hidden).split())[:_QUOTED_CHARS]

    def _read(self, content: bytes, *, count: int) -> NDArray[np.float64]:
        try:
            rows = msgspec.json.decode(content, type=_Answer).data  # strict JSON: neither NaN nor Infinity
        except msgspec.DecodeError as error:
            raise self._broken(str(error)) from error
        rows.sort(key=lambda row: row.index)  # they may come in any order
        if [row.index for row in rows] != list(range(count)):
            raise self._broken(f"{len(rows)} embeddings came for {count} texts, or not one for each")
        sizes = {len(row.embedding) for row in rows}
        if len(sizes) != 1 or sizes == {0}:
            raise self._broken("its embeddings are empty or of different sizes")
        return np.array([row.embedding for row in rows], dtype=np.float64)

    def _broken(self, why: str) -> UnavailableError:
        return UnavailableError(f"{self.url} gave an answer that is no list of embeddings: {why}")


def _asked_pause(response: httpx.Response) -> float | None:
    """Seconds after which to come again; null where nothing of the kind is asked. A date counts as too long."""
    if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
        return None
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else None


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
