"""Fetching a model: whole or not at all, only what is needed, and never a long wait for a hub that is away."""

import json
from pathlib import Path

import pytest

from memory_core.engine.embedders import hub
from memory_core.engine.embedders.card import is_model
from memory_core.errors import ModelUnavailableError
from memory_core.files import FileLock
from support.hub import running_hub

REPOSITORY = "acme/some-model"
BERT = {"model_type": "bert", "hidden_act": "gelu"}
MODULES = [{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "1_Pooling"}]


def files(config: dict[str, str]) -> dict[str, bytes]:
    return {
        "README.md": b"about",
        "config.json": json.dumps(config).encode(),
        "modules.json": json.dumps(MODULES).encode(),
        "1_Pooling/config.json": b"{}",
        "tokenizer.json": b"{}",
        "model.safetensors": b"weights",
        "pytorch_model.bin": b"the same weights once more",
        "onnx/model.onnx": b"graph",
        "onnx/model_quantized.onnx": b"another graph",
    }


def fetched(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_is_needed_is_fetched_and_nothing_else(tmp_path: Path) -> None:
    with running_hub(REPOSITORY, files(BERT)) as server:
        hub.download(REPOSITORY, tmp_path / "some-model", endpoint=server.url)

    assert is_model(tmp_path / "some-model")
    assert fetched(tmp_path / "some-model") == {
        "config.json",
        "modules.json",
        "1_Pooling/config.json",
        "tokenizer.json",
        "model.safetensors",
    }


def test_a_model_that_cannot_be_converted_comes_with_its_own_graph(tmp_path: Path) -> None:
    with running_hub(REPOSITORY, files({"model_type": "mpnet"})) as server:
        hub.download(REPOSITORY, tmp_path / "some-model", endpoint=server.url)

    assert {"model.safetensors", "onnx/model.onnx"} <= fetched(tmp_path / "some-model")


def test_a_download_that_breaks_off_leaves_no_model_and_is_taken_up_again(tmp_path: Path) -> None:
    with running_hub(REPOSITORY, files(BERT)) as server:
        server.broken = {"model.safetensors"}
        with pytest.raises(ModelUnavailableError, match="downloading acme/some-model failed"):
            hub.download(REPOSITORY, tmp_path / "some-model", endpoint=server.url)
        assert not (tmp_path / "some-model").exists()

        server.broken, server.served = set(), []
        hub.download(REPOSITORY, tmp_path / "some-model", endpoint=server.url)

        assert server.served == ["model.safetensors"]
        assert is_model(tmp_path / "some-model")


def test_a_model_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    with running_hub(REPOSITORY, files(BERT)) as server:
        hub.download(REPOSITORY, tmp_path / "some-model", endpoint=server.url)
        server.served = []

        hub.download(REPOSITORY, tmp_path / "some-model", endpoint=server.url)

        assert server.served == []


def test_a_model_that_the_hub_does_not_have_is_said_so(tmp_path: Path) -> None:
    with running_hub(REPOSITORY, {}) as server, pytest.raises(ModelUnavailableError, match="acme/other failed"):
        hub.download("acme/other", tmp_path / "other", endpoint=server.url)


def test_a_hub_that_is_away_fails_at_once(tmp_path: Path) -> None:
    with running_hub(REPOSITORY, {}) as server:
        url = server.url

    with pytest.raises(ModelUnavailableError, match="downloading acme/some-model failed"):
        hub.download(REPOSITORY, tmp_path / "some-model", endpoint=url)


def test_another_process_that_is_downloading_is_not_disturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "TIMEOUT_S", 0.0)
    other = FileLock(tmp_path / "some-model.lock")
    assert other.acquire()

    with pytest.raises(ModelUnavailableError, match="another process is downloading"):
        hub.download(REPOSITORY, tmp_path / "some-model")

    other.release()


def test_a_name_that_no_hub_could_have_is_not_in_its_cache() -> None:
    assert hub.cached("not a name/at all") is None
