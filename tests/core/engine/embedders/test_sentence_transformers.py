"""The onnx embedder against sentence-transformers itself, which the other embedder is.

Needs torch, so it is run by scripts/dev/test-sentence-transformers; what is said without it is tested everywhere.
"""

import importlib.util
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core.engine.embedders import onnx, sentence_transformers
from memory_core.engine.ports import Embedder
from memory_core.errors import ModelUnavailableError
from support.embedders import MODEL, needs_sentence_transformers, offline
from support.random_models import random_model

EXACT = 1e-4
WORDS = [
    "deploy",
    "Fridays",
    "café",
    "日本語",
    "x_y.z",
    "1.5e-12",
    "HTTP/2",
    "🎉",
    "\n",
    "don't",
    "the",
    "memory",
    "of",
]


def texts(count: int) -> list[str]:
    """From no word to more than the model reads."""
    draw = random.Random(7)
    return [" ".join(draw.choices(WORDS, k=length)) for length in np.geomspace(1, 400, count).astype(int)] + [""]


def test_without_the_extra_the_line_that_installs_it_is_named(tmp_path: Path) -> None:
    if importlib.util.find_spec("sentence_transformers"):
        pytest.skip("the extra is installed here")

    with pytest.raises(ModelUnavailableError, match=r"uv tool install 'memory-server\[sentence-transformers\]'"):
        sentence_transformers.load_embedder(MODEL, offline(tmp_path))


@pytest.mark.sentence_transformers
@needs_sentence_transformers
def test_both_backends_give_equal_vectors_under_one_identity(tmp_path: Path) -> None:
    ours, reference = (backend.load_embedder(MODEL, offline(tmp_path)) for backend in (onnx, sentence_transformers))

    assert ours.model == reference.model
    difference = _difference(ours, reference, texts(60))
    print(f"largest difference to sentence-transformers: {difference:.2e}")
    assert difference < EXACT


FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertConfig", {}),
    "bert with the other gelu": ("BertConfig", {"hidden_act": "gelu_new"}),
    "bert with relu": ("BertConfig", {"hidden_act": "relu"}),
    "roberta": ("RobertaConfig", {"pad_token_id": 1, "max_position_embeddings": 514, "type_vocab_size": 1}),
    "xlm-roberta": ("XLMRobertaConfig", {"pad_token_id": 1, "max_position_embeddings": 514, "type_vocab_size": 1}),
    "camembert": ("CamembertConfig", {"pad_token_id": 1, "max_position_embeddings": 514, "type_vocab_size": 1}),
    "distilbert": ("DistilBertConfig", {}),
}


@pytest.mark.sentence_transformers
@needs_sentence_transformers
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_every_family_is_converted_exactly(tmp_path: Path, family: str, pooling: str) -> None:
    """Small models of random weights: what could go wrong in a conversion goes wrong in them too."""
    folder = random_model(tmp_path / "model", *FAMILIES[family], pooling=pooling)

    ours, reference = (
        backend.load_embedder(str(folder), offline(tmp_path / "cache")) for backend in (onnx, sentence_transformers)
    )

    assert _difference(ours, reference, texts(25)) < EXACT


def _difference(ours: Embedder, reference: Embedder, texts: list[str]) -> float:
    assert max(len(text) for text in texts) > 2000
    return float(np.abs(ours.embed(texts) - reference.embed(texts)).max())
