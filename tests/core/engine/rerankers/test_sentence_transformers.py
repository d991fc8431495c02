"""The reranker onnx against CrossEncoder of sentence-transformers, in every family that is converted.

Needs torch, so it is run by scripts/dev/test-sentence-transformers.
"""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core.engine.rerankers import onnx
from support.cross_encoders import random_cross_encoder
from support.embedders import needs_sentence_transformers, offline

EXACT = 1e-4
WORDS = ["deploy", "Fridays", "café", "日本語", "x_y.z", "HTTP/2", "🎉", "\n", "don't", "the", "memory"]

_ROBERTA = {"pad_token_id": 1, "max_position_embeddings": 514, "type_vocab_size": 1}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", {}),
    "bert with relu": ("Bert", {"hidden_act": "relu"}),
    "roberta": ("Roberta", _ROBERTA),
    "xlm-roberta": ("XLMRoberta", _ROBERTA),
    "camembert": ("Camembert", _ROBERTA),
    "distilbert": ("DistilBert", {}),
}


@pytest.mark.sentence_transformers
@needs_sentence_transformers
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_scores_of_the_reference(tmp_path: Path, family: str) -> None:
    from sentence_transformers import CrossEncoder

    folder = random_cross_encoder(tmp_path / "model", *FAMILIES[family])
    draw = random.Random(7)
    texts = [" ".join(draw.choices(WORDS, k=length)) for length in np.geomspace(1, 600, 20).astype(int)] + [""]

    ours = onnx.load_reranker(str(folder), offline(tmp_path / "cache"))
    reference = CrossEncoder(str(folder), device="cpu")

    for query in ("when do we deploy?", "", "memory " * 300):
        wanted = reference.predict([(query, text) for text in texts])
        assert np.std(wanted) > 10 * EXACT, "a reference that is the same for all says nothing"
        np.testing.assert_allclose(ours.scores(query, texts), wanted, atol=EXACT)
