"""A cross-encoder on ONNX Runtime: it reads a query and a text together, and says how likely the text is an answer.

A model's own onnx/model.onnx is used where there is one; else its weights are converted once, and the graph kept. Where
models are, how they are cut into tokens and how they run is shared with the embedders.
"""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding

from memory_core.engine.embedders import models
from memory_core.engine.embedders.card import is_reranker, own_graph, read_card
from memory_core.engine.embedders.runtime import batches, kept_graph, open_session, padded
from memory_core.engine.embedders.tokens import PairTokens
from memory_core.engine.ports import EmbedderOptions
from memory_core.errors import ModelUnavailableError, UnavailableError

_ORGANISATION = "cross-encoder"  # of names without one
_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_OUTPUT = "logits"


def load_reranker(name: str, options: EmbedderOptions) -> "OnnxReranker":
    """Blocks for as long as it takes to find, convert and load the model. Raises ModelUnavailableError."""
    model = models.find(name, options, organisation=_ORGANISATION)
    tokens = PairTokens(model.folder, read_card(model.folder, name=model.name))
    graph = own_graph(model.folder)
    if graph is None:
        if not is_reranker(model.folder):
            raise ModelUnavailableError(f"{model.name} is no cross-encoder: it scores nothing; choose one as reranker")
        graph = kept_graph(model, options, classifies=True)
    return OnnxReranker(model.name, tokens, open_session(graph, threads=options.threads))


class OnnxReranker:
    """Several threads may use it at once. Raises ModelUnavailableError for a model that is no cross-encoder."""

    def __init__(self, name: str, tokens: PairTokens, session: onnxruntime.InferenceSession) -> None:
        self.name = name
        self._tokens = tokens
        self._inputs = [each.name for each in session.get_inputs()]
        if unknown := set(self._inputs) - _INPUTS:
            raise ModelUnavailableError(f"{name} wants {', '.join(sorted(unknown))}; choose another cross-encoder")
        if _OUTPUT not in (each.name for each in session.get_outputs()):
            raise ModelUnavailableError(f"{name} gives no {_OUTPUT}, so it is no cross-encoder; choose one as reranker")
        self._session: onnxruntime.InferenceSession | None = session
        if (shape := self._logits(session, self._tokens.pairs("a", ["b"])).shape) != (1, 1):
            raise ModelUnavailableError(f"{name} gives a pair of texts {shape[-1]} scores; a reranker gives one")

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        session = self._session
        if session is None:
            raise UnavailableError("The reranker is closed; start the server again")
        pairs = self._tokens.pairs(query, texts)
        logits = np.empty(len(pairs))
        for batch in batches([pair.ids for pair in pairs]):
            logits[batch] = self._logits(session, [pairs[index] for index in batch])[:, 0]
        probabilities: list[float] = ((1 + np.tanh(logits / 2)) / 2).tolist()  # the sigmoid, without its overflow
        return probabilities

    def close(self) -> None:
        """Frees the model's memory once nobody is in the middle of `scores`."""
        self._session = None

    def _logits(self, session: onnxruntime.InferenceSession, pairs: Sequence[Encoding]) -> NDArray[np.float32]:
        tokens, mask = padded([pair.ids for pair in pairs], self._tokens.padding)
        segments, _ = padded([pair.type_ids for pair in pairs], 0)
        feed = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": segments}
        logits: NDArray[np.float32] = session.run([_OUTPUT], {name: feed[name] for name in self._inputs})[0]
        return logits
