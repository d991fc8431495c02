"""Which embedding models there are, for a person who chooses one: those in use, those kept, those on this machine."""

from collections.abc import Callable, Sequence

from msgspec import Struct, structs

from memory_core.engine.ports import KeptModel
from memory_core.types import EmbeddingStatus, ModelInfo, ModelUse

NOTE = "embedder"
"""Under which name a store keeps what was chosen."""

NO_EMBEDDER = "none"
"""In place of an embedder: search by keyword only."""

_ORDER = list(ModelUse)


class Catalog(Struct, frozen=True, kw_only=True):
    """What the service is told from outside, because it knows no model.

    `fixed`: the settings name the embedder. `check` raises InvalidError for what names none. `installed` looks for
    models on this machine, which may take a moment.
    """

    fixed: bool
    check: Callable[[str], None]
    installed: Callable[[], Sequence[ModelInfo]]


def listed(
    kept: Sequence[KeptModel], installed: Sequence[ModelInfo], embedding: EmbeddingStatus
) -> tuple[ModelInfo, ...]:
    """Each model once: the one in use first, then the next, those kept, and what else is on this machine."""
    on_disk = {(model.name, model.revision): model for model in installed}
    known = [_with_files(_kept(each, embedding), on_disk) for each in kept]
    for use, spec in ((ModelUse.CURRENT, embedding.embedder), (ModelUse.NEXT, _next_spec(embedding))):
        if spec and all(model.use is not use for model in known):  # it is loading, or cannot be loaded
            known = _with_use(known, use, spec)
    seen = {(model.name, model.revision) for model in known}
    specs = {model.embedder for model in known}
    others = [each for each in installed if (each.name, each.revision) not in seen and each.embedder not in specs]
    return tuple(sorted([*known, *others], key=lambda model: (_ORDER.index(model.use), model.name)))


def _with_use(known: list[ModelInfo], use: ModelUse, spec: str) -> list[ModelInfo]:
    """It may be known from an earlier time."""
    if any(model.embedder == spec for model in known):
        return [structs.replace(model, use=use) if model.embedder == spec else model for model in known]
    return [*known, ModelInfo(use=use, name=spec.partition(":")[2] or spec, embedder=spec)]


def _next_spec(embedding: EmbeddingStatus) -> str | None:
    return embedding.next.embedder if embedding.next else None


def _kept(kept: KeptModel, embedding: EmbeddingStatus) -> ModelInfo:
    """Vectors of a model that is not loaded are kept, and of no use meanwhile."""
    use = ModelUse.KEPT
    if kept.is_current and embedding.model == kept.model.name:
        use = ModelUse.CURRENT
    elif kept.is_next and kept.spec == _next_spec(embedding):
        use = ModelUse.NEXT
    return ModelInfo(
        use=use,
        name=kept.model.name,
        embedder=kept.spec,
        revision=kept.model.revision,
        dimension=kept.model.dimension,
        memories=kept.memories,
    )


def _with_files(model: ModelInfo, on_disk: dict[tuple[str, str | None], ModelInfo]) -> ModelInfo:
    files = on_disk.get((model.name, model.revision))
    if files is None:
        return model
    return structs.replace(model, max_tokens=files.max_tokens, folder=files.folder, weights_bytes=files.weights_bytes)
