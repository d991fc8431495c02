"""The real embedders, for tests: all-MiniLM-L6-v2 from the wheel of the development environment."""

import importlib.util
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from memory_core.engine.embedders import models
from memory_core.engine.ports import Embedder, EmbedderOptions
from support.embedding_api import running_embedding_api

MODEL = "all-MiniLM-L6-v2"

needs_sentence_transformers = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None,
    reason="the extra sentence-transformers is not installed; scripts/dev/test-sentence-transformers runs this",
)


def offline(cache_dir: Path) -> EmbedderOptions:
    return EmbedderOptions(cache_dir=cache_dir, download=False, threads=2)


@cache
def model_folder() -> Path:
    """Where the wheel keeps the model's files."""
    folders = models._local_folders(f"sentence-transformers/{MODEL}", Path("nowhere"))
    return next(folder for folder in folders if folder.is_dir())


def loader_of(spec: str) -> Callable[[Path], Embedder]:
    """As a server does, by the word before the colon of MEMORY_EMBEDDER."""
    word, _, name = spec.partition(":")
    (found,) = entry_points(group="memory_core.embedders", name=word)
    return lambda cache_dir: found.load()(name, offline(cache_dir))


def onnx(cache_dir: Path) -> Embedder:
    from memory_core.engine.embedders.onnx import load_embedder

    return load_embedder(MODEL, offline(cache_dir))


def sentence_transformers(cache_dir: Path) -> Embedder:
    from memory_core.engine.embedders.sentence_transformers import load_embedder

    return load_embedder(MODEL, offline(cache_dir))


def openai(cache_dir: Path) -> Embedder:
    """The same model behind an endpoint; pieces are short, because it reads less than such models mostly do."""
    from memory_core.engine.embedders.endpoint import Endpoint
    from memory_core.engine.embedders.openai import OpenAIEmbedder

    running = ExitStack()
    model = onnx(cache_dir)
    running.callback(model.close)
    api = running.enter_context(running_embedding_api(model.embed))

    class Served(OpenAIEmbedder):
        def close(self) -> None:
            super().close()
            running.close()

    return Served(Endpoint(api.url, model=MODEL, key=None), MODEL, piece_characters=600)
