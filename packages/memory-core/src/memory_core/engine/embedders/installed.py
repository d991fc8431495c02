"""The embedding models that are on this machine already, without loading any."""

import logging
from collections.abc import Iterator
from pathlib import Path

from memory_core.engine.embedders import models
from memory_core.engine.embedders.card import is_model, is_reranker, read_card, weights_of
from memory_core.engine.ports import EmbedderOptions
from memory_core.errors import MemoryServiceError
from memory_core.types import ModelInfo, ModelUse

log = logging.getLogger(__name__)


def installed(options: EmbedderOptions) -> list[ModelInfo]:
    """In the folder for models and in packages that carry one. Reads each one's weights once, for their checksum."""
    found: dict[str, ModelInfo] = {}
    for repository in _names(options.cache_dir):
        try:
            model = models.find_local(repository, options)
            if model is None or is_reranker(model.folder):
                continue
        except MemoryServiceError as error:
            log.warning("A model is passed over: %s", error)
            continue
        found.setdefault(model.sha256, _described(repository, model))
    return list(found.values())


def _names(cache_dir: Path) -> Iterator[str]:
    yield from models.packaged()
    if cache_dir.is_dir():
        yield from (folder.name.replace("--", "/") for folder in sorted(cache_dir.iterdir()) if is_model(folder))


def _described(repository: str, model: models.Model) -> ModelInfo:
    weights = weights_of(model.folder)
    return ModelInfo(
        use=ModelUse.AVAILABLE,
        name=model.name,
        embedder=f"onnx:{models.short(repository)}",
        revision=model.revision,
        max_tokens=read_card(model.folder, name=model.name).max_tokens,
        folder=str(model.folder),
        weights_bytes=weights.stat().st_size if weights else None,
    )
