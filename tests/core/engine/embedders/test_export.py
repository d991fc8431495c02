"""An exported model is the model: the same vectors or nearly, in a folder that is whole, moves, and needs no torch."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from memory_core.engine.embedders import onnx
from memory_core.engine.embedders.agreement import Precision
from memory_core.engine.embedders.export import ExportReport, export
from memory_core.engine.embedders.graphs import Origin
from memory_core.engine.ports import Embedder
from memory_core.errors import InvalidError, ModelUnavailableError, UnavailableError
from support.embedders import MODEL, model_folder, needs_sentence_transformers, offline
from support.random_models import random_model

TEXTS = ["We deploy on Fridays, only after lunch", "Ana prefers tabs over spaces", "Invoices are sent as PDF"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> dict[Precision, ExportReport]:
    folder = tmp_path_factory.mktemp("exports")
    return {
        precision: export(MODEL, folder / precision, precision=precision, options=offline(cache))
        for precision in Precision
    }


def loaded(folder: Path | str, cache: Path) -> Embedder:
    return onnx.load_embedder(str(folder), offline(cache))


def a_model(folder: Path, **changes: object) -> Path:
    """A copy of the real model's folder that a test may spoil, with other words in its config.json."""
    shutil.copytree(model_folder(), folder)
    config = json.loads((folder / "config.json").read_bytes()) | changes
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def contents(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("precision", Precision)
def test_an_exported_model_finds_a_paraphrase(
    exports: dict[Precision, ExportReport], cache: Path, precision: Precision
) -> None:
    model = loaded(exports[precision].folder, cache)

    assert (model.embed(TEXTS) @ model.embed_query("release schedule")).argmax() == 0


def test_fp32_gives_the_vectors_of_the_original(exports: dict[Precision, ExportReport], cache: Path) -> None:
    found = exports[Precision.FP32]

    np.testing.assert_allclose(loaded(found.folder, cache).embed(TEXTS), loaded(MODEL, cache).embed(TEXTS), atol=1e-4)
    assert found.largest_difference <= 1e-4
    assert (found.graph, found.dimension, found.same_nearest) == (Origin.CONVERTED, 384, 1.0)


def test_int8_is_a_quarter_of_the_size_and_nearly_as_good(exports: dict[Precision, ExportReport]) -> None:
    exact, small = exports[Precision.FP32], exports[Precision.INT8]

    assert small.bytes < 0.3 * exact.bytes
    assert small.cosine_mean >= 0.98
    assert small.cosine_min >= 0.95
    assert small.largest_difference > 0.002  # it is not the original again


def test_vectors_of_two_precisions_never_mix(exports: dict[Precision, ExportReport], cache: Path) -> None:
    models = {loaded(found.folder, cache).model.revision for found in exports.values()}

    assert len({*models, loaded(MODEL, cache).model.revision}) == 3
    assert models == {found.revision for found in exports.values()}


def test_the_report_names_what_the_vectors_were_compared_with(exports: dict[Precision, ExportReport]) -> None:
    has_torch = importlib.util.find_spec("sentence_transformers") is not None
    expected = "sentence-transformers" if has_torch else "onnx, fp32, of the same weights"

    assert {found.reference for found in exports.values()} == {expected}


def test_the_folder_may_be_moved(exports: dict[Precision, ExportReport], cache: Path, tmp_path: Path) -> None:
    found = exports[Precision.INT8]
    before = loaded(found.folder, cache).embed(TEXTS)
    moved = shutil.copytree(found.folder, tmp_path / "elsewhere" / Path(found.folder).name)

    after = loaded(moved, tmp_path / "cache")

    np.testing.assert_array_equal(after.embed(TEXTS), before)
    assert after.model.revision == found.revision


def test_a_server_of_another_user_may_read_it(exports: dict[Precision, ExportReport]) -> None:
    folder = Path(exports[Precision.FP32].folder)

    assert {path.stat().st_mode & 0o777 for path in (folder / "onnx").iterdir()} == {
        (folder / "onnx" / "model.onnx").stat().st_mode & 0o777
    }


def test_an_export_can_be_exported_again(exports: dict[Precision, ExportReport], cache: Path, tmp_path: Path) -> None:
    """From fp32 on one machine to int8 on another, where the weights themselves are no more."""
    source = Path(exports[Precision.FP32].folder)
    before = (source / "onnx").stat().st_mtime_ns

    found = export(str(source), tmp_path / "int8", precision=Precision.INT8, options=offline(cache))

    assert (source / "onnx").stat().st_mtime_ns == before  # it may be read-only
    assert found.graph is Origin.OWN
    assert found.reference == "onnx, fp32, of the same weights"
    assert found.cosine_mean == pytest.approx(exports[Precision.INT8].cosine_mean, abs=1e-3)


# ── Settings ──


def test_prompts_that_follow_from_a_models_name_are_written_out(tmp_path: Path) -> None:
    """The exported folder has another name, and its embedder would put nothing before a query."""
    model = a_model(tmp_path / "e5-tiny")

    folder = Path(export(str(model), tmp_path / "x", precision=Precision.FP32, options=offline(tmp_path)).folder)

    prompts = json.loads((folder / "config_sentence_transformers.json").read_bytes())["prompts"]
    assert prompts == {"query": "query: ", "document": "passage: "}


def test_a_name_that_stands_for_another_models_prompts_is_refused(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="e5-mine would be taken for another model"):
        export(MODEL, tmp_path / "e5-mine", precision=Precision.FP32, options=offline(cache))

    assert contents(tmp_path) == []


# ── Refusals: one sentence, and nothing left behind ──


def test_a_folder_that_holds_something_is_left_alone(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "file").write_text("mine", encoding="utf-8")

    for name in ("mine", "file"):
        with pytest.raises(InvalidError, match=f"{name} is there already"):
            export(MODEL, tmp_path / name, precision=Precision.FP32, options=offline(cache))

    assert contents(tmp_path) == ["file", "mine", "mine/notes.txt"]


def test_an_empty_folder_is_taken(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()

    export(MODEL, tmp_path / "mine", precision=Precision.FP32, options=offline(cache))

    assert contents(tmp_path)[0] == "mine"
    assert loaded(tmp_path / "mine", cache).model.name == "mine"


def test_damaged_weights_leave_nothing_behind(tmp_path: Path) -> None:
    model = a_model(tmp_path / "model")
    with (model / "model.safetensors").open("r+b") as file:
        file.truncate(1_000_000)

    with pytest.raises(ModelUnavailableError, match="damaged"):
        export(str(model), tmp_path / "new" / "x", precision=Precision.FP32, options=offline(tmp_path / "cache"))

    assert contents(tmp_path / "new") == []


def test_a_damaged_graph_is_named(exports: dict[Precision, ExportReport], tmp_path: Path) -> None:
    model = shutil.copytree(exports[Precision.FP32].folder, tmp_path / "model")
    (model / "onnx" / "model.onnx").write_bytes(b"no graph")

    with pytest.raises(ModelUnavailableError, match=r"model\.onnx is damaged"):
        export(str(model), tmp_path / "x", precision=Precision.INT8, options=offline(tmp_path / "cache"))


def test_an_int8_that_is_too_far_off_is_not_kept_and_says_by_how_much(tmp_path: Path) -> None:
    """One huge number in a table of words leaves no steps for all the others; fp32 does not mind."""
    model = a_model(tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][99, 0] = 1e5  # of a word that no text has
    save_file(weights, model / "model.safetensors")

    def exported(precision: Precision) -> ExportReport:
        return export(str(model), tmp_path / "x", precision=precision, options=offline(tmp_path / "cache"))

    with pytest.raises(ModelUnavailableError, match=r"does not agree .* 0\.\d+ in the mean and .* nothing was kept"):
        exported(Precision.INT8)
    assert contents(tmp_path / "x") == []
    assert exported(Precision.FP32).largest_difference <= 1e-4


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed here")
def test_what_only_torch_can_export_names_what_to_install(tmp_path: Path) -> None:
    model = a_model(tmp_path / "model", model_type="mpnet")

    with pytest.raises(ModelUnavailableError, match=r"'mpnet'.*memory-server\[sentence-transformers\]"):
        export(str(model), tmp_path / "x", precision=Precision.FP32, options=offline(tmp_path / "cache"))


def test_a_pooling_that_the_embedder_does_not_know_is_refused(tmp_path: Path) -> None:
    model = a_model(tmp_path / "model")
    (model / "1_Pooling" / "config.json").write_text('{"pooling_mode": "lasttoken"}', encoding="utf-8")

    with pytest.raises(ModelUnavailableError, match="pools by lasttoken"):
        export(str(model), tmp_path / "x", precision=Precision.FP32, options=offline(tmp_path / "cache"))


def test_a_place_that_cannot_be_written_is_named(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    with pytest.raises(UnavailableError, match=r"cannot be written to .*file/x"):
        export(MODEL, tmp_path / "file" / "x", precision=Precision.FP32, options=offline(cache))


# ── With torch ──

TRACED: dict[str, tuple[str, dict[str, Any]]] = {
    "mpnet": ("MPNetConfig", {"pad_token_id": 1, "max_position_embeddings": 514}),
    "modernbert": (
        "ModernBertConfig",
        {
            "pad_token_id": 0,
            "bos_token_id": 101,
            "eos_token_id": 102,
            "cls_token_id": 101,
            "sep_token_id": 102,
            "local_attention": 16,
            "max_position_embeddings": 512,
        },
    ),
}


@pytest.mark.sentence_transformers
@needs_sentence_transformers
@pytest.mark.parametrize("family", TRACED)
def test_an_architecture_that_only_torch_knows_is_exported_exactly(tmp_path: Path, family: str) -> None:
    """Texts of every length, also beyond what the trace saw: nothing of its shapes may be fixed."""
    model = random_model(tmp_path / "model", *TRACED[family], pooling="mean")

    found = export(str(model), tmp_path / "x", precision=Precision.FP32, options=offline(tmp_path / "cache"))

    assert (found.graph, found.reference) == (Origin.TRACED, "sentence-transformers")
    print(f"largest difference to sentence-transformers: {found.largest_difference:.2e}")
    assert found.largest_difference <= 1e-4
    alone, many = (loaded(found.folder, tmp_path / "cache").embed(texts)[0] for texts in (TEXTS[:1], TEXTS))
    np.testing.assert_allclose(alone, many, atol=1e-5)


@pytest.mark.sentence_transformers
@needs_sentence_transformers
@pytest.mark.parametrize("precision", Precision)
def test_the_real_model_is_compared_with_sentence_transformers(
    exports: dict[Precision, ExportReport], precision: Precision
) -> None:
    print(f"{precision}: {exports[precision]}")

    assert exports[precision].reference == "sentence-transformers"
