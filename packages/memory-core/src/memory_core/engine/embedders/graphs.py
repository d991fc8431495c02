"""The graph of an exported model: built from what the model brings, made smaller if asked, and saved so that it moves.

Beside `onnx/model.onnx` lies one file with its large tensors, found by its name alone: the folder may be copied
anywhere, and ONNX Runtime maps the tensors instead of reading them. The graph says of itself whose weights it holds, so
that its checksum, which names the model's revision, tells any two apart.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import onnx
from onnx.external_data_helper import set_external_data

from memory_core.engine.embedders import tracing
from memory_core.engine.embedders.architectures import objection
from memory_core.engine.embedders.card import OWN_GRAPHS, own_graph
from memory_core.engine.embedders.convert import convert
from memory_core.errors import ModelUnavailableError

GRAPH = OWN_GRAPHS[0]
_WEIGHTS_FILE = "weights.bin"
_LARGE = 1024  # bytes; smaller tensors stay in the graph
_ALIGNMENT = 4096  # a page: what is aligned can be mapped


class Origin(StrEnum):
    """How the graph came about."""

    OWN = "the model's own"
    CONVERTED = "converted from the weights"
    TRACED = "exported by torch"


def build(folder: Path, work: Path) -> tuple[Path, Origin]:
    """The float32 graph of the model in `folder`: its own, else one made in the empty folder `work`.

    Raises ModelUnavailableError, which says what to install where torch could do it.
    """
    if graph := own_graph(folder):
        return graph, Origin.OWN
    work.mkdir()
    made = work / "model.onnx"
    why = objection(json.loads((folder / "config.json").read_bytes()))
    if why is None:
        convert(folder, work)
        return made, Origin.CONVERTED
    if lacking := tracing.missing():
        raise ModelUnavailableError(
            f"The model in {folder} can be exported only with torch, because {why}, and {', '.join(lacking)} is not "
            "installed; run `uv tool install 'memory-server[sentence-transformers]'` or "
            "`pip install 'memory-core[engine,sentence-transformers]'`, and export it there"
        )
    tracing.trace(folder, made)
    return made, Origin.TRACED


def quantise(graph: Path, work: Path) -> Path:
    """A copy of `graph`, in the folder `work`, with its matrices and tables as numbers of eight bits.

    One scale a column: with one a matrix, MiniLM's mean cosine falls from 0.990 to 0.938. The embedding tables too:
    that changes the cosines by 0.001 and leaves 23 MB of 90 instead of 59. Unsigned: signed ones are a quarter faster
    where the processor has VNNI, and overflow silently where it has not; these give equal vectors on both.
    """
    plain, made = work / "plain", work / "int8.onnx"
    save(graph, plain, {})  # the quantizer writes beside what it reads, which may be the model's own folder
    with _without_advice():
        from onnxruntime.quantization import QuantType, quantize_dynamic  # 2 s, and needed here alone

        try:
            quantize_dynamic(
                plain / GRAPH,
                made,
                op_types_to_quantize=["MatMul", "Gather"],
                per_channel=True,
                weight_type=QuantType.QUInt8,
                use_external_data_format=True,
            )
        except OSError:
            raise
        except Exception as error:  # its many checks of a graph share no other base
            raise ModelUnavailableError(f"{graph} cannot be made int8 ({error}); export it as fp32") from error
    return made


def save(graph: Path, folder: Path, facts: Mapping[str, str]) -> None:
    """Save a copy of `graph` as GRAPH in `folder`, with `facts` about where it is from."""
    model = _read(graph)
    digest = hashlib.sha256()
    end = 0
    for tensor in model.graph.initializer:
        size = len(tensor.raw_data) if tensor.HasField("raw_data") else 0
        if size >= _LARGE:
            digest.update(tensor.raw_data)
            start = end + -end % _ALIGNMENT
            set_external_data(tensor, _WEIGHTS_FILE, offset=start)
            end = start + size
    onnx.helper.set_model_props(model, {**facts, "weights_sha256": digest.hexdigest()})
    target = folder / GRAPH
    target.parent.mkdir(parents=True)
    onnx.save(model, target)
    if end:
        weights = target.with_name(_WEIGHTS_FILE)
        weights.chmod(
            target.stat().st_mode & 0o777
        )  # the library makes it its owner's alone; a server has its own user


def _read(graph: Path) -> onnx.ModelProto:
    try:
        return onnx.load(graph)
    except OSError:
        raise
    except Exception as error:  # of protobuf, or of the library's checks of where the tensors lie
        raise ModelUnavailableError(f"{graph} is damaged ({error}); get the model anew") from error


@contextmanager
def _without_advice() -> Iterator[None]:
    """The quantizer logs, as the root, that another tool of its could run first; its optimisation runs at load."""

    def silent(_: logging.LogRecord) -> bool:
        return False

    root = logging.getLogger()
    root.addFilter(silent)
    try:
        yield
    finally:
        root.removeFilter(silent)
