"""Which encoders `convert` knows: the BERT family, told apart by a table of names.

All of them are post-norm transformers with absolute positions (Devlin et al. 2018; Liu et al. 2019 for RoBERTa's way to
count positions; Sanh et al. 2019 for DistilBERT's names). Data only: no library is imported for it.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

CONVERTER_VERSION = 2
"""Of the graphs that `convert` makes; part of their place in the cache. Count on when they change."""


class Architecture(Struct, frozen=True, kw_only=True):
    """How one family names its weights and its settings in config.json."""

    prefix: str
    layer: str
    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    intermediate: str
    output: str
    output_norm: str
    hidden_size: str = "hidden_size"
    heads: str = "num_attention_heads"
    layers: str = "num_hidden_layers"
    activation: str = "hidden_act"
    segments: bool = True
    positions_after_padding: bool = False
    classifier: tuple[tuple[str, str | None], ...] = (("pooler.dense", "Tanh"), ("classifier", None))
    """From the first token's vector to the score of a sequence classifier: each layer with its activation."""


_BERT = Architecture(
    prefix="bert.",
    layer="encoder.layer.{}.",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attention_output="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    intermediate="intermediate.dense",
    output="output.dense",
    output_norm="output.LayerNorm",
)
_ROBERTA = replace(
    _BERT,
    prefix="roberta.",
    positions_after_padding=True,
    classifier=(("classifier.dense", "Tanh"), ("classifier.out_proj", None)),
)
_DISTILBERT = Architecture(
    prefix="distilbert.",
    layer="transformer.layer.{}.",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attention_output="attention.out_lin",
    attention_norm="sa_layer_norm",
    intermediate="ffn.lin1",
    output="ffn.lin2",
    output_norm="output_layer_norm",
    hidden_size="dim",
    heads="n_heads",
    layers="n_layers",
    activation="activation",
    segments=False,
    classifier=(("pre_classifier", "Relu"), ("classifier", None)),
)

ARCHITECTURES: Mapping[str, Architecture] = {
    "bert": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "distilbert": _DISTILBERT,
}

ACTIVATIONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "gelu": ("Gelu", {}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
}
"""Name in config.json → ONNX operator and its attributes."""


def objection(config: Mapping[str, Any]) -> str | None:
    """Why the model of this config.json cannot be converted; null when it can."""
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        return f"its architecture {kind!r} is not one of {', '.join(ARCHITECTURES)}"
    if (positions := config.get("position_embedding_type") or "absolute") != "absolute":
        return f"its positions are {positions!r}, not absolute"
    activation = config.get(ARCHITECTURES[kind].activation)
    if activation not in ACTIVATIONS:
        return f"its activation {activation!r} is not one of {', '.join(ACTIVATIONS)}"
    return None


def current_name(name: str) -> str:
    """A weight's name without the prefix of a task's model, and with what LayerNorm's parts are called now."""
    for prefix in sorted({architecture.prefix for architecture in ARCHITECTURES.values()}):
        name = name.removeprefix(prefix)
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
