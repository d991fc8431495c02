"""What every local model does alike: prompts before texts, pieces of long ones, and who the vectors are from."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory_core.engine.embedders.card import ModelCard
from memory_core.engine.embedders.models import Model
from memory_core.engine.embedders.tokens import Tokens
from memory_core.engine.ports import ModelIdentity, Vectors


class PromptedEmbedder(ABC):
    """An `Embedder` but for `close` and the model's own work, `_embed`."""

    def __init__(self, model: Model, card: ModelCard, tokens: Tokens) -> None:
        self._card = card
        self._tokens = tokens
        dimension = self._embed([""]).shape[1]
        self._identity = ModelIdentity(name=model.name, revision=model.revision, dimension=dimension)

    @abstractmethod
    def _embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each of at least one text."""

    @property
    def model(self) -> ModelIdentity:
        return self._identity

    def pieces(self, text: str) -> list[str]:
        return self._tokens.pieces(text)

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self._identity.dimension), dtype=np.float32)
        return self._embed([self._card.document_prompt + text for text in texts])

    def embed_query(self, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._embed([self._card.query_prompt + text])[0]
        return vector
