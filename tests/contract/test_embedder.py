"""What every embedder does, whatever computes the vectors: run on each backend with the real model.

Or, with `--embedder`, on another one; what only all-MiniLM-L6-v2 does is then left out.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from memory_core.engine.ports import Embedder
from memory_core.errors import UnavailableError
from support import embedders

Backend = Callable[[Path], Embedder]
BACKENDS = [
    pytest.param(embedders.onnx, id="onnx"),
    pytest.param(
        embedders.sentence_transformers,
        id="sentence-transformers",
        marks=[pytest.mark.sentence_transformers, embedders.needs_sentence_transformers],
    ),
    pytest.param(embedders.openai, id="openai"),
]
TEXTS = [
    "We deploy on Fridays, only after lunch",
    "",
    "The cat sleeps on the warm laptop",
    "def connect(path):\n    return duckdb.connect(path)",
    "日本語のテキスト, an émigré café and 🎉",
    "one two three " * 150,
    "PostgreSQL needs VACUUM",
    "a",
    "tokens " * 30,
    "Retries back off exponentially, at most a minute",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        spec = metafunc.config.getoption("embedder")
        backends = BACKENDS if spec is None else [pytest.param(embedders.loader_of(spec), id=spec)]
        metafunc.parametrize("backend", backends, scope="module")


@pytest.fixture(scope="module")
def embedder(backend: Backend, model_cache: Path) -> Iterator[Embedder]:
    loaded = backend(model_cache)
    yield loaded
    loaded.close()


@pytest.fixture
def minilm(embedder: Embedder, pytestconfig: pytest.Config) -> Embedder:
    if pytestconfig.getoption("embedder") is not None:
        pytest.skip("only all-MiniLM-L6-v2 does that")
    return embedder


def test_the_model_is_named_by_its_name_and_the_checksum_of_its_weights(minilm: Embedder, backend: Backend) -> None:
    """Not by the backend: changing the backend must not embed everything anew. An endpoint shows no weights."""
    revision = "api" if backend is embedders.openai else "53aa51172d14"
    assert (minilm.model.name, minilm.model.revision, minilm.model.dimension) == ("all-MiniLM-L6-v2", revision, 384)


def test_every_text_gets_one_vector_of_unit_length(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)

    assert vectors.shape == (len(TEXTS), embedder.model.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_no_text_gives_no_vector(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.model.dimension)


def test_a_vector_depends_neither_on_the_order_nor_on_the_company(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS)
    backwards = embedder.embed(TEXTS[::-1])[::-1]
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])

    np.testing.assert_allclose(backwards, together, atol=1e-5)
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_a_question_is_nearest_to_what_answers_it_in_other_words(minilm: Embedder) -> None:
    memories = minilm.embed(TEXTS)

    assert _nearest(minilm, memories, "release schedule") == "We deploy on Fridays, only after lunch"
    assert _nearest(minilm, memories, "where is my pet") == "The cat sleeps on the warm laptop"
    assert _nearest(minilm, memories, "opening a database from Python").startswith("def connect")
    assert _nearest(minilm, memories, "what happens when a request fails").startswith("Retries")


def test_the_same_words_as_query_and_as_text_have_the_same_vector(minilm: Embedder) -> None:
    """This model marks neither; one that does is tested with the prompts in its settings."""
    np.testing.assert_allclose(minilm.embed_query(TEXTS[0]), minilm.embed([TEXTS[0]])[0], atol=1e-5)


def test_a_query_has_one_vector_of_unit_length(embedder: Embedder) -> None:
    vector = embedder.embed_query(TEXTS[0])

    assert (vector.shape, vector.dtype) == ((embedder.model.dimension,), np.float32)
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)


def test_pieces_together_are_the_text_and_the_model_reads_each_to_its_end(embedder: Embedder) -> None:
    text = "\n\n".join(f"Paragraph {number}. It says that {number} follows {number - 1}." * 9 for number in range(9))

    pieces = embedder.pieces(text)

    assert "".join(pieces) == text
    # What stands behind the end of what the model reads changes nothing; here the end of each piece does.
    for piece in pieces:
        whole, cut = embedder.embed([piece, piece.rstrip()[: -len(piece.rstrip().split()[-1])]])
        assert float(whole @ cut) < 0.99999


def test_a_short_text_is_one_piece(embedder: Embedder) -> None:
    assert embedder.pieces("We deploy on Fridays") == ["We deploy on Fridays"]
    assert embedder.pieces("") == [""]


def test_several_threads_may_embed_at_once(embedder: Embedder) -> None:
    expected = embedder.embed(TEXTS)

    with ThreadPoolExecutor(4) as threads:
        for vectors in threads.map(embedder.embed, [TEXTS] * 4):
            np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_a_closed_embedder_says_so(backend: Backend, model_cache: Path) -> None:
    embedder = backend(model_cache)
    embedder.close()

    with pytest.raises(UnavailableError, match="closed"):
        embedder.embed_query("anything")


def _nearest(embedder: Embedder, memories: np.ndarray, question: str) -> str:
    return TEXTS[int(np.argmax(memories @ embedder.embed_query(question)))]
