"""The default backend: ONNX Runtime and the tokenizers library, exact to sentence-transformers within 1e-4.

A model's own onnx/model.onnx is used where there is one; else its weights are converted once, and the graph kept.
"""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from memory_core.engine.embedders import models
from memory_core.engine.embedders.card import ModelCard, Pooling, is_reranker, own_graph, read_card, read_pooling
from memory_core.engine.embedders.prompted import PromptedEmbedder
from memory_core.engine.embedders.runtime import batches, kept_graph, open_session, padded
from memory_core.engine.embedders.tokens import Tokens
from memory_core.engine.ports import EmbedderOptions, Vectors
from memory_core.errors import ModelUnavailableError, UnavailableError


def load_embedder(name: str, options: EmbedderOptions) -> "OnnxEmbedder":
    """Blocks for as long as it takes to find, convert and load the model. Raises ModelUnavailableError."""
    model = models.find(name, options)
    if is_reranker(model.folder):  # it has an encoder, whose vectors mean nothing
        raise ModelUnavailableError(f"{model.name} is a reranker, which embeds nothing; name it in MEMORY_RERANKER")
    card = read_card(model.folder, name=model.name)
    pooling = read_pooling(model.folder)
    graph = own_graph(model.folder) or kept_graph(model, options)
    session = open_session(graph, threads=options.threads)
    return OnnxEmbedder(model, card, pooling, Tokens(model.folder, card), session)


class OnnxEmbedder(PromptedEmbedder):
    """Several threads may use it at once; the session runs them side by side."""

    def __init__(
        self,
        model: models.Model,
        card: ModelCard,
        pooling: Pooling,
        tokens: Tokens,
        session: onnxruntime.InferenceSession,
    ) -> None:
        self._pooling = pooling
        self._session: onnxruntime.InferenceSession | None = session
        self._inputs = [each.name for each in session.get_inputs()]
        self._output = _output_name(session)
        super().__init__(model, card, tokens)

    def close(self) -> None:
        """Frees the model's memory once nobody is in the middle of `embed`."""
        self._session = None

    def _embed(self, texts: Sequence[str]) -> Vectors:
        session = self._session
        if session is None:
            raise UnavailableError("The embedding model is closed; start the server again")
        ids = [self._tokens.ids(text) for text in texts]
        order: list[int] = []
        rows: list[Vectors] = []
        for batch in batches(ids):
            order += batch
            rows.append(self._run(session, [ids[index] for index in batch]))
        together = np.concatenate(rows)
        vectors = np.empty_like(together)
        vectors[order] = together
        return vectors

    def _run(self, session: onnxruntime.InferenceSession, ids: list[list[int]]) -> Vectors:
        tokens, mask = padded(ids, self._tokens.padding)
        feed = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        hidden = session.run([self._output], {name: feed[name] for name in self._inputs})[0]
        return _unit(_pooled(hidden.astype(np.float32, copy=False), mask, self._pooling))


def _pooled(hidden: NDArray[np.float32], mask: NDArray[np.int64], pooling: Pooling) -> NDArray[np.float32]:
    if pooling is Pooling.CLS:
        return hidden[:, 0]
    weights = mask[:, :, None].astype(np.float32)
    pooled: NDArray[np.float32] = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    return pooled


def _unit(rows: NDArray[np.float32]) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise UnavailableError("The embedding model gave numbers that are not finite; its weights may be damaged")
    unit: Vectors = rows / np.maximum(lengths, 1e-12)
    return unit


_KNOWN_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_KNOWN_OUTPUTS = ("last_hidden_state", "token_embeddings")


def _output_name(session: onnxruntime.InferenceSession) -> str:
    """The vectors of the tokens; pooling is ours, whatever else the graph gives."""
    if unknown := {each.name for each in session.get_inputs()} - _KNOWN_INPUTS:
        raise ModelUnavailableError(f"The model's graph wants {', '.join(sorted(unknown))}; use sentence-transformers")
    outputs = [each.name for each in session.get_outputs()]
    found = next((name for name in _KNOWN_OUTPUTS if name in outputs), None)
    if found is None:
        raise ModelUnavailableError(f"The model's graph gives {', '.join(outputs)} and no vectors of tokens")
    return found
