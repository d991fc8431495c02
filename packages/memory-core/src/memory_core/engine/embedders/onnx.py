"""The default backend: ONNX Runtime and the tokenizers library, exact to sentence-transformers within 1e-4.

A model's own onnx/model.onnx is used where there is one; else its weights are converted once, and the graph kept.
"""

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from memory_core.engine.embedders import models
from memory_core.engine.embedders.architectures import CONVERTER_VERSION
from memory_core.engine.embedders.card import ModelCard, Pooling, own_graph, read_card, read_pooling
from memory_core.engine.embedders.prompted import PromptedEmbedder
from memory_core.engine.embedders.tokens import Tokens
from memory_core.engine.ports import EmbedderOptions, Vectors
from memory_core.errors import ModelUnavailableError, UnavailableError

# Larger batches cost memory and gain no time: 64 texts took 1,670 MB where 8 took 418 MB.
BATCH_TEXTS = 8
BATCH_TOKENS = 1024


def load_embedder(name: str, options: EmbedderOptions) -> "OnnxEmbedder":
    """Blocks for as long as it takes to find, convert and load the model. Raises ModelUnavailableError."""
    model = models.find(name, options)
    card = read_card(model.folder, name=model.name)
    pooling = read_pooling(model.folder)
    graph = own_graph(model.folder) or _converted(model, options)
    session = _session(graph, threads=options.threads)
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
        for batch in _batches(ids):
            order += batch
            rows.append(self._run(session, [ids[index] for index in batch]))
        together = np.concatenate(rows)
        vectors = np.empty_like(together)
        vectors[order] = together
        return vectors

    def _run(self, session: onnxruntime.InferenceSession, ids: list[list[int]]) -> Vectors:
        longest = max(map(len, ids))
        tokens = np.full((len(ids), longest), self._tokens.padding, dtype=np.int64)
        mask = np.zeros_like(tokens)
        for row, each in enumerate(ids):
            tokens[row, : len(each)] = each
            mask[row, : len(each)] = 1
        feed = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        hidden = session.run([self._output], {name: feed[name] for name in self._inputs})[0]
        return _unit(_pooled(hidden.astype(np.float32, copy=False), mask, self._pooling))


def _batches(ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Places in `ids`, texts of like length together: padding is work for nothing."""
    batch: list[int] = []
    for index in sorted(range(len(ids)), key=lambda index: len(ids[index])):
        if batch and (len(batch) == BATCH_TEXTS or len(ids[index]) * (len(batch) + 1) > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


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


def _pack(graph: Path, target: Path) -> None:
    """Save `graph` with its matrices besides as the kernels of this machine want them, so that they are only mapped.

    Otherwise the runtime makes that copy at each start, in memory that the system cannot take back: 42 MB of this
    model's. It still compares at each start, and on another kind of processor makes its own as before. Nothing is
    optimised here, as that would tie the file to the machine.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights.bin")
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    options.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")
    _open(graph, options)
    for path in target.parent.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())  # before it gets its final name: a crash must not leave half a model there


def _session(graph: Path, *, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it keeps the largest batch's memory for ever
    options.enable_mem_pattern = False  # of use for one shape only
    options.log_severity_level = 3
    # Threads that spin gain 0.4 ms on an idle machine; on a busy one they make a query four times slower.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return _open(graph, options)


def _open(graph: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors share no other base
        raise ModelUnavailableError(f"ONNX Runtime cannot load {graph}: {error}") from error


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


def _converted(model: models.Model, options: EmbedderOptions) -> Path:
    """The kept graph of these weights, made now if it is not there yet.

    It is made under another name and renamed: it is there whole or not at all, also when two processes make it at once.
    """
    folder = models.graphs_dir(options) / f"{model.sha256[:32]}-v{CONVERTER_VERSION}"
    graph = folder / "model.onnx"
    if graph.is_file():
        return graph
    from memory_core.engine.embedders.convert import convert  # 0.3 s and 40 MB, needed once for each model

    making = folder.with_name(f".{folder.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        plain, packed = making / "plain", making / "packed"
        plain.mkdir(parents=True)
        packed.mkdir()
        convert(model.folder, plain)
        _pack(plain / graph.name, packed / graph.name)
        try:
            packed.rename(folder)
        except OSError:
            if not graph.is_file():  # else another process was first, with the same bytes
                raise
    except OSError as error:
        raise ModelUnavailableError(f"The converted model cannot be kept in {folder.parent}: {error}") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return graph
