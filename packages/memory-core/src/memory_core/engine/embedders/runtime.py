"""ONNX Runtime as every model here uses it: graphs made once and kept, sessions that stay small, batches.

What goes into a graph and what comes out is the backends'.
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
from memory_core.engine.ports import EmbedderOptions
from memory_core.errors import ModelUnavailableError
from memory_core.files import sync_file, why_not

# Larger batches cost memory and gain no time: 64 texts took 1,670 MB where 8 took 418 MB.
BATCH_TEXTS = 8
BATCH_TOKENS = 1024


def kept_graph(model: models.Model, options: EmbedderOptions, *, classifies: bool = False) -> Path:
    """The graph made of these weights, with its classifier or without; made now if it is not there yet.

    It is made under another name and renamed: it is there whole or not at all, also when two processes make it at once.
    """
    kind = "-classifier" if classifies else ""
    folder = models.graphs_dir(options) / f"{model.sha256[:32]}-v{CONVERTER_VERSION}{kind}"
    graph = folder / "model.onnx"
    if graph.is_file():
        return graph
    from memory_core.engine.embedders.convert import convert  # 0.3 s and 40 MB, needed once for each model

    making = folder.with_name(f".{folder.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        plain, packed = making / "plain", making / "packed"
        plain.mkdir(parents=True)
        packed.mkdir()
        convert(model.folder, plain, classifies=classifies)
        _pack(plain / graph.name, packed / graph.name)
        try:
            packed.rename(folder)
        except OSError:
            if not graph.is_file():  # else another process was first, with the same bytes
                raise
    except OSError as error:
        raise ModelUnavailableError(
            f"The converted model cannot be kept in {folder.parent}: {why_not(error)}"
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return graph


def open_session(graph: Path, *, threads: int) -> onnxruntime.InferenceSession:
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
        sync_file(path)  # before it gets its final name: a crash must not leave half a model there


def batches(ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Places in `ids`, texts of like length together: padding is work for nothing."""
    batch: list[int] = []
    for index in sorted(range(len(ids)), key=lambda index: len(ids[index])):
        if batch and (len(batch) == BATCH_TEXTS or len(ids[index]) * (len(batch) + 1) > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def padded(ids: Sequence[Sequence[int]], padding: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The tokens of a batch and its mask, both of shape (texts, tokens of the longest)."""
    tokens = np.full((len(ids), max(map(len, ids))), padding, dtype=np.int64)
    mask = np.zeros_like(tokens)
    for row, each in enumerate(ids):
        tokens[row, : len(each)] = each
        mask[row, : len(each)] = 1
    return tokens, mask
