"""The reranker onnx, on models whose scores are known: what it reads, what it cuts, what it refuses."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from memory_core.engine.embedders.installed import installed
from memory_core.engine.embedders.onnx import load_embedder
from memory_core.engine.embedders.runtime import BATCH_TEXTS
from memory_core.engine.rerankers import onnx
from memory_core.errors import ModelUnavailableError, UnavailableError
from support.cross_encoders import ABSENT, word_reader
from support.embedders import MODEL, model_folder, offline


@pytest.fixture(scope="module")
def lunch(tmp_path_factory: pytest.TempPathFactory) -> onnx.OnnxReranker:
    folder = tmp_path_factory.mktemp("reranker")
    return onnx.load_reranker(str(word_reader(folder / "lunch", "lunch")), offline(folder / "cache"))


def test_each_text_has_its_own_score_in_the_order_given(lunch: onnx.OnnxReranker) -> None:
    texts = ["word " * (number % 13) + ("lunch" if number % 3 == 0 else "") for number in range(3 * BATCH_TEXTS)]

    scores = lunch.scores("when do we eat", texts)

    assert [score > 0.5 for score in scores] == ["lunch" in text for text in texts]
    assert scores[1] == pytest.approx(ABSENT, abs=1e-3)
    assert scores == pytest.approx([lunch.scores("when do we eat", [text])[0] for text in texts], abs=1e-5)


def test_the_query_and_the_text_are_told_apart(tmp_path: Path) -> None:
    reader = onnx.load_reranker(str(word_reader(tmp_path / "model", second_text=True)), offline(tmp_path / "cache"))

    (short,) = reader.scores("a long query of many words", [""])
    (long,) = reader.scores("", ["a long text of many words"])

    assert short < long


def test_of_a_long_text_the_end_is_cut_and_the_query_stays(lunch: onnx.OnnxReranker) -> None:
    """The model reads 64 tokens."""
    at_the_end, at_the_front = lunch.scores("eat", ["word " * 100 + "lunch", "lunch " + "word " * 100])
    (in_the_query,) = lunch.scores("lunch", ["word " * 100])

    assert at_the_end == pytest.approx(ABSENT, abs=1e-3)
    assert min(at_the_front, in_the_query) > ABSENT + 0.05


def test_no_texts_have_no_scores(lunch: onnx.OnnxReranker) -> None:
    assert lunch.scores("eat", []) == []


def test_weights_are_converted_once_and_beside_what_an_embedder_makes_of_them(tmp_path: Path) -> None:
    folder = word_reader(tmp_path / "model", "lunch")
    onnx.load_reranker(str(folder), offline(tmp_path / "cache")).close()
    (graph,) = (tmp_path / "cache" / "graphs").glob("*-classifier/model.onnx")
    made = graph.stat().st_mtime_ns

    onnx.load_reranker(str(folder), offline(tmp_path / "cache"))

    assert graph.stat().st_mtime_ns == made


def test_a_graph_that_the_model_brings_is_taken_as_it_is(tmp_path: Path) -> None:
    source = word_reader(tmp_path / "model", "lunch")
    onnx.load_reranker(str(source), offline(tmp_path / "cache")).close()
    (graph,) = (tmp_path / "cache" / "graphs").glob("*-classifier")
    (source / "model.safetensors").unlink()
    shutil.copytree(graph, source / "onnx")

    brought = onnx.load_reranker(str(source), offline(tmp_path / "empty"))

    assert np.argmax(brought.scores("eat", ["dinner", "lunch"])) == 1
    assert not list((tmp_path / "empty").glob("graphs/*/model.onnx"))


def test_a_name_alone_is_looked_for_under_cross_encoder(tmp_path: Path) -> None:
    word_reader(tmp_path / "cross-encoder--ms-marco-MiniLM-L6-v2", "lunch")

    reader = onnx.load_reranker("ms-marco-MiniLM-L6-v2", offline(tmp_path))

    assert reader.name == "ms-marco-MiniLM-L6-v2"
    assert installed(offline(tmp_path))[0].name == MODEL, "it is no model for search by meaning"
    assert len(installed(offline(tmp_path))) == 1


def test_a_model_that_is_nowhere_is_named_with_the_folder_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"cross-encoder/x is neither in .*cross-encoder--x"):
        onnx.load_reranker("x", offline(tmp_path))


def test_an_embedding_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="is no cross-encoder"):
        onnx.load_reranker(str(model_folder()), offline(tmp_path))


def test_a_reranker_is_refused_as_an_embedder(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="is a reranker, which embeds nothing"):
        load_embedder(str(word_reader(tmp_path / "model")), offline(tmp_path / "cache"))


def test_a_model_that_sorts_into_several_classes_is_refused(tmp_path: Path) -> None:
    folder = word_reader(tmp_path / "model", classes=3)

    with pytest.raises(ModelUnavailableError, match="gives 3 scores to two texts"):
        onnx.load_reranker(str(folder), offline(tmp_path / "cache"))


def test_after_close_it_says_so(tmp_path: Path) -> None:
    reader = onnx.load_reranker(str(word_reader(tmp_path / "model")), offline(tmp_path / "cache"))
    reader.close()

    with pytest.raises(UnavailableError, match="reranker is closed"):
        reader.scores("a", ["b"])
