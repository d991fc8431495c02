"""An ONNX graph from a model's own safetensors weights, so that neither torch nor a hub is needed.

The graph takes `input_ids` and `attention_mask`, int64 of shape (batch, tokens), and gives `last_hidden_state`,
float32 of shape (batch, tokens, hidden). Tokens, pooling and normalisation stay outside, as in the ONNX files that
models bring. With a cross-encoder's classifier it gives `logits` of shape (batch, 1), and takes `token_type_ids` too
where the model tells two texts apart.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from safetensors import SafetensorError, safe_open

from memory_core.engine.embedders.architectures import ACTIVATIONS, ARCHITECTURES, current_name, objection
from memory_core.errors import ModelUnavailableError

_OPSET = 20  # the first with Gelu
_IR_VERSION = 9
_WEIGHTS_FILE = "weights.bin"
_ALIGNMENT = 4096  # of each tensor, so that ONNX Runtime maps it into memory instead of reading it
_WAY_OUT = "choose a model that brings onnx/model.onnx, or the embedder sentence-transformers"


def convert(folder: Path, target: Path, *, classifies: bool = False) -> None:
    """Write the graph of the model in `folder` as model.onnx and weights.bin into the folder `target`.

    Needs config.json and model.safetensors. Raises ModelUnavailableError for an architecture it does not know and for
    damaged weights, OSError where `target` cannot be written. Holds one tensor at a time in memory.
    """
    config = json.loads((folder / "config.json").read_bytes())
    if why := objection(config):
        raise ModelUnavailableError(f"The model in {folder} cannot be converted to ONNX: {why}; {_WAY_OUT}")
    try:
        with (
            safe_open(folder / "model.safetensors", framework="numpy") as file,
            (target / _WEIGHTS_FILE).open("wb") as out,
        ):
            model = _Encoder(config, _Weights(file), _Graph(out), classifies=classifies).build()
            out.flush()
            os.fsync(out.fileno())  # before the graph gets its final name: a crash must not leave half a model there
    except SafetensorError as error:
        raise ModelUnavailableError(f"The weights in {folder} are damaged ({error}); get the model anew") from error
    (target / "model.onnx").write_bytes(model.SerializeToString())


class _Weights:
    """The tensors of one file by their current names, as float32."""

    def __init__(self, file: Any) -> None:  # safetensors gives its open file no type
        self._file = file
        self._names = {current_name(name): name for name in file.keys()}  # noqa: SIM118 - it is no mapping

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        if name not in self._names:
            raise ModelUnavailableError(f"The model cannot be converted to ONNX: it has no tensor {name}; {_WAY_OUT}")
        tensor: NDArray[np.float32] = self._file.get_tensor(self._names[name]).astype(np.float32)
        return tensor


class _Graph:
    """Nodes in the order they are added; weights are written to a file of their own as they come."""

    def __init__(self, weights: IO[bytes]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._weights = weights

    def node(
        self, operator: str, *inputs: str, output: str | None = None, **attributes: Any
    ) -> str:  # each operator has its own
        output = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def integers(self, *values: int) -> str:
        return self._constant(TensorProto.INT64, [len(values)], values)

    def integer(self, value: int) -> str:
        return self._constant(TensorProto.INT64, [], [value])

    def number(self, value: float) -> str:
        return self._constant(TensorProto.FLOAT, [], [value])

    def weight(self, values: NDArray[np.float32]) -> str:
        data = np.ascontiguousarray(values, dtype="<f4").tobytes()
        self._weights.seek(-self._weights.tell() % _ALIGNMENT, 1)
        tensor = TensorProto(name=f"weight_{len(self.constants)}", data_type=TensorProto.FLOAT, dims=values.shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": _WEIGHTS_FILE, "offset": self._weights.tell(), "length": len(data)}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._weights.write(data)
        self.constants.append(tensor)
        return tensor.name

    def _constant(self, kind: int, shape: list[int], values: Any) -> str:  # a sequence of whatever `kind` says
        name = f"constant_{len(self.constants)}"
        self.constants.append(helper.make_tensor(name, kind, shape, values))
        return name


class _Encoder:
    """Builds the graph from the bottom up; each method adds nodes and gives the name of its result."""

    def __init__(self, config: Mapping[str, Any], weights: _Weights, graph: _Graph, *, classifies: bool) -> None:
        self._kind = ARCHITECTURES[config["model_type"]]
        self._hidden = int(config[self._kind.hidden_size])
        self._heads = int(config[self._kind.heads])
        self._layers = int(config[self._kind.layers])
        self._activation, self._activation_attributes = ACTIVATIONS[config[self._kind.activation]]
        self._epsilon = float(config.get("layer_norm_eps", 1e-12))
        self._padding = int(config.get("pad_token_id") or 0)
        self._weights = weights
        self._graph = graph
        self._classifies = classifies
        self._inputs = ["input_ids", "attention_mask"]

    def build(self) -> onnx.ModelProto:
        padding = self._padding_bias()
        hidden = self._embeddings()
        for number in range(self._layers):
            hidden = self._layer(self._kind.layer.format(number), hidden, padding)
        result = self._logits(hidden) if self._classifies else self._states(hidden)
        graph = helper.make_graph(
            self._graph.nodes,
            "encoder",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in self._inputs],
            [result],
            self._graph.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)

    def _padding_bias(self) -> str:
        """Shape (batch, 1, 1, tokens): 0 for a token, and for padding a number that softmax turns into 0."""
        node, graph = self._graph.node, self._graph
        mask = node("Cast", node("Unsqueeze", "attention_mask", graph.integers(1, 2)), to=TensorProto.FLOAT)
        return node("Mul", node("Sub", graph.number(1.0), mask), graph.number(-1e9))

    def _embeddings(self) -> str:
        node, graph = self._graph.node, self._graph
        words = node("Gather", graph.weight(self._weights["embeddings.word_embeddings.weight"]), "input_ids")
        places = graph.weight(self._weights["embeddings.position_embeddings.weight"])
        total = node("Add", words, node("Gather", places, self._positions()))
        if self._kind.segments:
            total = node("Add", total, self._segments())
        return self._norm("embeddings.LayerNorm", total)

    def _segments(self) -> str:
        table = self._weights["embeddings.token_type_embeddings.weight"]
        if not self._classifies or len(table) == 1:
            return self._graph.weight(table[0])  # a text that stands alone is all first segment
        self._inputs.append("token_type_ids")
        return self._graph.node("Gather", self._graph.weight(table), "token_type_ids")

    def _positions(self) -> str:
        """BERT counts tokens from 0. RoBERTa counts from the padding's number + 1, which padding itself keeps."""
        node, graph = self._graph.node, self._graph
        count = node("CumSum", "attention_mask", graph.integer(1))
        if self._kind.positions_after_padding:
            return node("Add", node("Mul", count, "attention_mask"), graph.integer(self._padding))
        return node("Sub", count, "attention_mask")

    def _layer(self, at: str, hidden: str, padding: str) -> str:
        kind, node = self._kind, self._graph.node
        attended = self._linear(at + kind.attention_output, self._attention(at, hidden, padding))
        hidden = self._norm(at + kind.attention_norm, node("Add", attended, hidden))
        inner = node(self._activation, self._linear(at + kind.intermediate, hidden), **self._activation_attributes)
        return self._norm(at + kind.output_norm, node("Add", self._linear(at + kind.output, inner), hidden))

    def _attention(self, at: str, hidden: str, padding: str) -> str:
        """softmax(QKᵀ/√d + padding)·V for each head, the heads side by side again."""
        kind, node, graph = self._kind, self._graph.node, self._graph
        width = self._hidden // self._heads
        query, key, value = (
            node("Reshape", self._linear(at + part, hidden), graph.integers(0, 0, self._heads, width))
            for part in (kind.query, kind.key, kind.value)
        )
        query, value = (node("Transpose", part, perm=[0, 2, 1, 3]) for part in (query, value))
        scores = node("MatMul", query, node("Transpose", key, perm=[0, 2, 3, 1]))
        scaled = node("Div", scores, graph.number(float(np.sqrt(width))))
        shares = node("Softmax", node("Add", scaled, padding), axis=-1)
        joined = node("Transpose", node("MatMul", shares, value), perm=[0, 2, 1, 3])
        return node("Reshape", joined, graph.integers(0, 0, self._hidden))

    def _states(self, hidden: str) -> onnx.ValueInfoProto:
        name = self._graph.node("Identity", hidden, output="last_hidden_state")
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "tokens", self._hidden])

    def _logits(self, hidden: str) -> onnx.ValueInfoProto:
        state = self._graph.node("Gather", hidden, self._graph.integer(0), axis=1)
        *_, (last, _) = self._kind.classifier
        if (scores := len(self._weights[f"{last}.bias"])) != 1:
            raise ModelUnavailableError(f"The model gives {scores} scores to two texts, not one; choose a reranker")
        for name, activation in self._kind.classifier:
            state = self._linear(name, state)
            state = self._graph.node(activation, state) if activation else state
        name = self._graph.node("Identity", state, output="logits")
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1])

    def _linear(self, name: str, hidden: str) -> str:
        node, graph = self._graph.node, self._graph
        product = node("MatMul", hidden, graph.weight(self._weights[f"{name}.weight"].T))
        return node("Add", product, graph.weight(self._weights[f"{name}.bias"]))

    def _norm(self, name: str, hidden: str) -> str:
        parts = (self._graph.weight(self._weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self._graph.node("LayerNormalization", hidden, *parts, axis=-1, epsilon=self._epsilon)
