"""The default backend: equal to the reference, converted once, clear about what it cannot do."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memory_core.engine.embedders import onnx
from memory_core.engine.embedders.convert import convert
from memory_core.errors import ModelUnavailableError
from support.embedders import MODEL, model_folder, offline

# The first numbers of what sentence-transformers 6.2.0 gives for each text.
REFERENCE = {
    "We deploy on Fridays, only after lunch": [0.031667, 0.010317, 0.069973, -0.025299, 0.062757, -0.041256, -0.021477],
    "日本語のテキスト and an émigré café": [-0.002848, 0.036836, 0.036119, 0.042303, -0.027099, 0.032615, 0.083267],
    "word " * 400: [-0.008124, -0.095586, -0.038673, 0.049662, -0.043794, 0.02372, -0.018142],
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the converted graph in it."""
    folder = tmp_path_factory.mktemp("cache")
    onnx.load_embedder(MODEL, offline(folder)).close()
    return folder


def a_copy(folder: Path, **changes: object) -> Path:
    """The real model's folder with other words in its config.json; the weights are linked."""
    shutil.copytree(model_folder(), folder, copy_function=_link)
    config = json.loads((folder / "config.json").read_bytes()) | changes
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _link(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:  # another file system
        shutil.copy2(source, target)


def test_vectors_are_those_of_the_reference(cache: Path) -> None:
    vectors = onnx.load_embedder(MODEL, offline(cache)).embed(list(REFERENCE))

    np.testing.assert_allclose(vectors[:, :7], list(REFERENCE.values()), atol=1e-5)


def test_weights_are_converted_once(cache: Path) -> None:
    def state() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in cache.rglob("*")}

    before = state()
    onnx.load_embedder(MODEL, offline(cache))

    assert state() == before


def test_a_kept_graph_has_its_matrices_as_the_kernels_read_them(cache: Path) -> None:
    """Else each start makes that copy, 42 MB, in memory that the system cannot take back."""
    (weights,) = (cache / "graphs").glob("*/weights.bin")

    assert weights.stat().st_size > 1.3 * 90_000_000  # what the weights take alone


def test_a_model_whose_graph_is_kept_loads_without_the_converter(cache: Path) -> None:
    """The converter's libraries would cost 0.3 s and 40 MB at every start."""
    program = (
        "import sys, pathlib\n"
        "from memory_core.engine.embedders.onnx import load_embedder\n"
        "from memory_core.engine.ports import EmbedderOptions\n"
        "options = EmbedderOptions(cache_dir=pathlib.Path(sys.argv[1]), download=True, threads=1)\n"
        f"load_embedder({MODEL!r}, options)\n"
        "print([name for name in ('onnx', 'safetensors', 'torch', 'huggingface_hub') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program, str(cache)], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_two_processes_may_convert_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from memory_core.engine.embedders.onnx import load_embedder\n"
        "from memory_core.engine.ports import EmbedderOptions\n"
        "options = EmbedderOptions(cache_dir=pathlib.Path(sys.argv[1]), download=False, threads=1)\n"
        f"print(load_embedder({MODEL!r}, options).embed_query('hello')[:2])"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]

    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {process.communicate()[0] for process in both}

    assert [process.returncode for process in both] == [0, 0]
    assert len(said) == 1
    assert [path.name for path in (tmp_path / "graphs").iterdir() if path.is_dir() and path.name.startswith(".")] == []


def test_a_conversion_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = a_copy(tmp_path / "model", num_hidden_layers=7)

    with pytest.raises(ModelUnavailableError, match=r"no tensor encoder\.layer\.6"):
        onnx.load_embedder(str(folder), offline(tmp_path / "cache"))

    assert [path.name for path in (tmp_path / "cache" / "graphs").iterdir() if path.is_dir()] == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")

    with pytest.raises(ModelUnavailableError, match=r"cannot be kept in .*cache"):
        onnx.load_embedder(MODEL, offline(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "mpnet"}, "its architecture 'mpnet' is not one of bert, roberta"),
        ({"model_type": None}, "its architecture None"),
        ({"position_embedding_type": "relative_key"}, "its positions are 'relative_key'"),
        ({"hidden_act": "swish"}, "its activation 'swish' is not one of gelu"),
    ],
)
def test_an_encoder_that_is_not_known_is_refused_with_the_way_out(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    folder = a_copy(tmp_path / "model", **changes)

    with pytest.raises(ModelUnavailableError, match=f"{said}.*sentence-transformers"):
        onnx.load_embedder(str(folder), offline(tmp_path / "cache"))


def test_damaged_weights_are_said_to_be_damaged(tmp_path: Path) -> None:
    folder = a_copy(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)

    with pytest.raises(ModelUnavailableError, match="are damaged"):
        onnx.load_embedder(str(folder), offline(tmp_path / "cache"))


def test_a_model_that_brings_its_own_graph_is_not_converted(tmp_path: Path) -> None:
    folder = a_copy(tmp_path / "model")
    (folder / "onnx").mkdir()
    convert(folder, folder / "onnx")
    (folder / "model.safetensors").unlink()

    embedder = onnx.load_embedder(str(folder), offline(tmp_path / "cache"))

    text, numbers = next(iter(REFERENCE.items()))
    np.testing.assert_allclose(embedder.embed([text])[0, :7], numbers, atol=1e-5)
    assert [path.name for path in (tmp_path / "cache" / "graphs").iterdir() if path.is_dir()] == []


def test_a_graph_that_is_none_is_named(tmp_path: Path) -> None:
    folder = a_copy(tmp_path / "model")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"no graph")

    with pytest.raises(ModelUnavailableError, match=r"ONNX Runtime cannot load .*model\.onnx"):
        onnx.load_embedder(str(folder), offline(tmp_path / "cache"))


def test_the_first_tokens_vector_is_taken_where_the_model_says_so(tmp_path: Path, cache: Path) -> None:
    folder = a_copy(tmp_path / "model")
    (folder / "1_Pooling" / "config.json").unlink()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "cls"}', encoding="utf-8")

    first, mean = (onnx.load_embedder(name, offline(cache)).embed_query("hello") for name in (str(folder), MODEL))

    assert float(np.linalg.norm(first)) == pytest.approx(1.0, abs=1e-5)
    assert float(first @ mean) < 0.99


def test_queries_are_marked_where_the_model_says_so(tmp_path: Path, cache: Path) -> None:
    folder = a_copy(tmp_path / "model")
    (folder / "config_sentence_transformers.json").unlink()
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {"query": "question: "}}', encoding="utf-8")

    marking, plain = (onnx.load_embedder(name, offline(cache)) for name in (str(folder), MODEL))

    np.testing.assert_allclose(marking.embed_query("hello"), plain.embed_query("question: hello"), atol=1e-5)
    np.testing.assert_allclose(marking.embed(["hello"]), plain.embed(["hello"]), atol=1e-5)


@pytest.mark.parametrize("backend", ["embedders", "rerankers"])
def test_the_runtime_tells_nobody_of_itself_and_marks_no_machine(backend: str, tmp_path: Path) -> None:
    """ONNX Runtime would, from its import on: an identifier of the machine, and reports to its maker."""
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | home
    code = f"import memory_core.engine.{backend}.onnx"

    subprocess.run([sys.executable, "-B", "-c", code], env=environment, check=True, timeout=60)

    assert list(tmp_path.rglob("*")) == []
