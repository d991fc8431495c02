"""The other backend: the sentence-transformers library on torch, for any of its models and for a GPU.

An extra, loaded when it is chosen and not before. Models are found where the embedder onnx finds them and carry the
same identity, so that changing between the two re-embeds nothing.
"""

import importlib
import importlib.util
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from memory_core.engine.embedders import models
from memory_core.engine.embedders.card import ModelCard, read_card
from memory_core.engine.embedders.prompted import PromptedEmbedder
from memory_core.engine.embedders.tokens import Tokens
from memory_core.engine.ports import EmbedderOptions, Vectors
from memory_core.errors import ModelUnavailableError, UnavailableError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCH_TEXTS = 8


def load_embedder(name: str, options: EmbedderOptions) -> "SentenceTransformersEmbedder":
    """Blocks for as long as it takes to find and load the model. Raises ModelUnavailableError."""
    if importlib.util.find_spec("sentence_transformers") is None:
        raise ModelUnavailableError(
            "The embedder sentence-transformers is not installed; run "
            "`uv tool install 'memory-server[sentence-transformers]'` or "
            "`pip install 'memory-core[engine,sentence-transformers]'`"
        )
    model = models.find(name, options)
    card = read_card(model.folder, name=model.name)
    return SentenceTransformersEmbedder(model, card, Tokens(model.folder, card), _library_model(model, options))


class SentenceTransformersEmbedder(PromptedEmbedder):
    """One call at a time: the library's tokenizers are not safe in several threads."""

    def __init__(
        self, model: models.Model, card: ModelCard, tokens: Tokens, library_model: "SentenceTransformer"
    ) -> None:
        self._lock = threading.Lock()
        self._model: SentenceTransformer | None = library_model
        super().__init__(model, card, tokens)

    def close(self) -> None:
        with self._lock:
            self._model = None

    def _embed(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            if self._model is None:
                raise UnavailableError("The embedding model is closed; start the server again")
            vectors = self._model.encode(
                list(texts),
                prompt="",  # prompts stand in the texts already
                batch_size=BATCH_TEXTS,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, dtype=np.float32)


def _library_model(model: models.Model, options: EmbedderOptions) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer  # torch: seconds and hundreds of megabytes

    importlib.import_module("transformers.utils.logging").disable_progress_bar()
    importlib.import_module("torch").set_num_threads(options.threads)
    try:
        return SentenceTransformer(str(model.folder), local_files_only=True).float().eval()
    except Exception as error:  # whatever the library, torch or the model's files raise
        raise ModelUnavailableError(f"sentence-transformers cannot load {model.folder}: {error}") from error
