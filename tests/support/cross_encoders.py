"""Cross-encoders made on the spot, for tests: none can be had here, and a known one says more than a real one.

`word_reader` has weights that can be read: one layer whose attention takes the mean of all tokens, so that the score
tells whether a word is there. `random_cross_encoder` has all the weights of its family, and needs torch.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from support.embedders import model_folder
from support.random_models import SMALL, SMALL_DISTILBERT

HIDDEN = 4
ABSENT = 0.0474
"""What `word_reader` gives to a text without the word: the sigmoid of -3."""

_PLAIN = np.array([1, -1, 0, 0], dtype=np.float32)
_MARKED = np.array([0, 0, 1, -1], dtype=np.float32)


def word_reader(folder: Path, word: str = "", *, second_text: bool = False, classes: int = 1) -> Path:
    """Gives a probability near 1 where `word` occurs; with `second_text`, the more of the second text there is."""
    tokenizer = _tokenizer(folder)
    words = np.tile(_PLAIN, (tokenizer.get_vocab_size(), 1))
    if word:
        words[tokenizer.token_to_id(word)] = _MARKED
    segments = np.zeros((2, HIDDEN), dtype=np.float32)
    if second_text:
        segments[1] = _MARKED - _PLAIN
    layer = "bert.encoder.layer.0"
    tensors = {
        "bert.embeddings.word_embeddings.weight": words,
        "bert.embeddings.position_embeddings.weight": np.zeros((64, HIDDEN), dtype=np.float32),
        "bert.embeddings.token_type_embeddings.weight": segments,
        **_norm("bert.embeddings.LayerNorm"),
        **_linear(f"{layer}.attention.self.query", 0),  # no question: every token gets the same attention
        **_linear(f"{layer}.attention.self.key", 0),
        **_linear(f"{layer}.attention.self.value", 1),
        **_linear(f"{layer}.attention.output.dense", 1),
        **_norm(f"{layer}.attention.output.LayerNorm"),
        **_linear(f"{layer}.intermediate.dense", 0),
        **_linear(f"{layer}.output.dense", 0),
        **_norm(f"{layer}.output.LayerNorm"),
        **_linear("bert.pooler.dense", 1),
        "classifier.weight": np.array([[0, 0, 100, 0]] * classes, dtype=np.float32),
        "classifier.bias": np.array([-3] * classes, dtype=np.float32),
    }
    save_file(tensors, folder / "model.safetensors")
    config = {
        "model_type": "bert",
        "architectures": ["BertForSequenceClassification"],
        "hidden_size": HIDDEN,
        "num_attention_heads": 1,
        "num_hidden_layers": 1,
        "hidden_act": "gelu",
        "max_position_embeddings": 64,
        "pad_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def random_cross_encoder(folder: Path, family: str, settings: dict[str, Any]) -> Path:
    """`family` as in `BertConfig`. Needs the extra sentence-transformers."""
    import torch
    import transformers

    torch.manual_seed(11)
    sizes = SMALL_DISTILBERT if family == "DistilBert" else SMALL
    config = getattr(transformers, f"{family}Config")(**{"vocab_size": 30522, "num_labels": 1, **sizes, **settings})
    model = getattr(transformers, f"{family}ForSequenceClassification")(config)
    with torch.no_grad():
        for parameter in model.parameters():  # biases and norms too, which begin as 0 and 1
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    _tokenizer(folder)
    if getattr(config, "type_vocab_size", 1) == 1:
        _without_segments(folder / "tokenizer_config.json")
    return folder


def _tokenizer(folder: Path) -> Tokenizer:
    """That of the real model."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(model_folder() / name, folder / name)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def _without_segments(path: Path) -> None:
    settings = json.loads(path.read_bytes()) | {"model_input_names": ["input_ids", "attention_mask"]}
    path.write_text(json.dumps(settings), encoding="utf-8")


def _linear(name: str, diagonal: float) -> dict[str, NDArray[np.float32]]:
    weight = np.eye(HIDDEN, dtype=np.float32) * np.float32(diagonal)
    return {f"{name}.weight": weight, f"{name}.bias": np.zeros(HIDDEN, dtype=np.float32)}


def _norm(name: str) -> dict[str, NDArray[np.float32]]:
    return {
        f"{name}.weight": np.ones(HIDDEN, dtype=np.float32),
        f"{name}.bias": np.zeros(HIDDEN, dtype=np.float32),
    }
