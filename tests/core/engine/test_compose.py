"""Words in the options become parts; a word or a part that is not there is named."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from memory_core.engine.compose import EngineOptions, open_engine
from memory_core.errors import InvalidError, UnavailableError
from memory_core.types import EmbeddingState, ModelChoice, NewMemory, Scope


def add_entry_point(monkeypatch: pytest.MonkeyPatch, folder: Path, group: str, line: str) -> None:
    """What installing a distribution with this entry point does."""
    info = folder / "stranger-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\n{line}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(folder)


async def test_the_default_store_lies_in_the_data_directory(tmp_path: Path) -> None:
    service = open_engine(EngineOptions(data_dir=tmp_path, embedder="none"))
    await service.add(NewMemory(content="x"))
    stats = await service.stats(Scope(global_search=True))
    health = await service.health()
    await service.close()

    assert stats.storage_path == str(tmp_path / "memories.duckdb")
    assert stats.embedding.state is EmbeddingState.OFF
    assert health.version == version("memory-core")


async def test_a_store_can_lie_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "shelf" / "notes.duckdb"

    service = open_engine(EngineOptions(data_dir=tmp_path / "data", store=f"duckdb:{file}", embedder="none"))
    await service.close()

    assert file.exists()


def test_a_store_in_use_is_refused_with_its_path(tmp_path: Path) -> None:
    options = EngineOptions(data_dir=tmp_path, embedder="none")
    holder = "import sys; from memory_core.engine.compose import *; from pathlib import Path\n"
    holder += f"s = open_engine(EngineOptions(data_dir=Path({str(tmp_path)!r}), embedder='none'))\n"
    holder += "print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(UnavailableError, match=r"memories\.duckdb"):
            open_engine(options)
        process.communicate()


@pytest.mark.parametrize(
    ("field", "word", "sentence"),
    [
        ("store", "sqlite:/x", "there is no store 'sqlite'; there are: duckdb"),
        ("embedder", "openia:x", "there is no embedder 'openia'; there are: none, onnx, openai, sentence-transformers"),
        ("embedder", "none:x", "'none:x' names no embedder; none takes nothing after it"),
        ("embedder", "", "there is no embedder ''; there are: none, onnx, openai, sentence-transformers"),
    ],
)
def test_an_unknown_word_is_answered_with_the_choices(tmp_path: Path, field: str, word: str, sentence: str) -> None:
    options = {"data_dir": tmp_path, "embedder": "none", field: word}

    with pytest.raises(InvalidError) as refusal:
        open_engine(EngineOptions(**options))  # type: ignore[arg-type]  # field by name

    assert str(refusal.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_a_part_of_ours_whose_library_is_missing_names_the_extra(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from memory_core.engine.compose import EngineOptions, open_engine\n"
        "sys.modules['duckdb'] = None  # as if it were not installed\n"
        f"open_engine(EngineOptions(data_dir=Path({str(tmp_path)!r})))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (
        "duckdb needs duckdb, which is not installed; install it with: pip install 'memory-core[engine]'" in done.stderr
    )


def test_a_store_whose_library_is_missing_names_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_entry_point(monkeypatch, tmp_path / "site", "memory_core.stores", "strange = no_such_library:open_store")

    with pytest.raises(UnavailableError) as refusal:
        open_engine(EngineOptions(data_dir=tmp_path, store="strange", embedder="none"))

    assert str(refusal.value) == (
        "strange needs no_such_library, which is not installed; install it with: pip install 'stranger'"
    )


def test_a_part_that_lacks_a_library_of_windows_names_its_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_entry_point(monkeypatch, tmp_path / "site", "memory_core.stores", "strange = needs_a_runtime:open_store")
    said = "DLL load failed while importing native: The specified module could not be found."
    (tmp_path / "site" / "needs_a_runtime.py").write_text(f"raise ImportError({said!r}, name='native')")

    with pytest.raises(UnavailableError) as refusal:
        open_engine(EngineOptions(data_dir=tmp_path, store="strange", embedder="none"))

    assert str(refusal.value).startswith(f"strange is installed and lacks a library of Windows: {said} Install Micro")


async def test_an_embedder_whose_library_is_missing_leaves_keyword_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_entry_point(monkeypatch, tmp_path / "site", "memory_core.embedders", "strange = no_such_library:load")
    service = open_engine(EngineOptions(data_dir=tmp_path, embedder="strange:model"))
    await service.start()
    try:
        embedding = (await service.health()).embedding
        while embedding.state is EmbeddingState.LOADING:
            embedding = (await service.health()).embedding
    finally:
        await service.close()

    assert embedding.state is EmbeddingState.UNAVAILABLE
    assert "pip install 'stranger'" in (embedding.detail or "")


async def test_a_model_that_was_chosen_is_used_after_a_restart_unless_the_settings_name_another(tmp_path: Path) -> None:
    service = open_engine(EngineOptions(data_dir=tmp_path, model_download=False))
    chosen = await service.use_model(ModelChoice(embedder="none"))
    await service.close()
    assert chosen.state is EmbeddingState.OFF

    for embedder, expected in ((None, EmbeddingState.OFF), ("onnx:nobody/has-this", EmbeddingState.LOADING)):
        service = open_engine(EngineOptions(data_dir=tmp_path, embedder=embedder, model_download=False))
        assert (await service.health()).embedding.state is expected
        await service.close()


def test_opening_loads_no_model_library(tmp_path: Path) -> None:
    """A server must answer before its model is there."""
    program = (
        "import sys; from pathlib import Path; from memory_core.engine.compose import EngineOptions, open_engine\n"
        f"open_engine(EngineOptions(data_dir=Path({str(tmp_path)!r})))\n"
        "print([name for name in ('onnxruntime', 'tokenizers', 'onnx', 'torch', 'httpx') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
