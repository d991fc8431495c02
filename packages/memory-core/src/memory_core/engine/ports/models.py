"""The contracts of loaded models: an embedder makes vectors of texts, a reranker reads a query and texts together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.address import check_key, check_url
from memory_core.engine.ports.vectors import ModelIdentity, Vectors


class EmbedderOptions(Struct, frozen=True, kw_only=True):
    """What a backend may use: a folder for models and what is made of them, the network, and so many threads.

    `url` and `api_key` are of a model that runs elsewhere. Raises InvalidError for what cannot be either.
    """

    cache_dir: Path
    download: bool
    threads: int
    url: str | None = None
    api_key: str | None = None

    def __post_init__(self) -> None:
        if self.url is not None:
            check_url(self.url)
        if self.api_key is not None:
            check_key(self.api_key)


class Embedder(Protocol):
    """A loaded model. Thread-safe; deterministic."""

    @property
    def model(self) -> ModelIdentity: ...

    def pieces(self, text: str) -> list[str]:
        """`text` cut into pieces that the model reads whole, at least one."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in order. Texts longer than the model reads are cut: pass what `pieces` gave."""
        ...

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Shape (dimension,). Models that want queries marked get them marked."""
        ...

    def close(self) -> None: ...


class Reranker(Protocol):
    """A loaded model that reads a query and a text together. Thread-safe; deterministic."""

    @property
    def name(self) -> str: ...

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """The probability, 0..1, that each text is what `query` asks for, in order. What is too long is cut."""
        ...

    def close(self) -> None: ...
