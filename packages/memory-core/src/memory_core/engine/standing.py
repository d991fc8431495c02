"""How embedding stands, in the words of `EmbeddingStatus`: what is in use, what is to follow, what is wrong."""

from memory_core.counting import memories
from memory_core.engine.ports import Store
from memory_core.engine.succession import Live
from memory_core.types import EmbeddingState, EmbeddingStatus, NextModel


def standing(store: Store, wanted: str | None, live: Live | None, unloadable: str | None) -> EmbeddingStatus:
    """`unloadable` is why the `wanted` model cannot be loaded."""
    if wanted is None:
        return EmbeddingStatus(state=EmbeddingState.OFF)
    pending = store.count_pending()
    if live is None:
        state = EmbeddingState.UNAVAILABLE if unloadable else EmbeddingState.LOADING
        return EmbeddingStatus(state=state, pending=pending, detail=unloadable, embedder=wanted)
    failed = min(live.backlog.failed, pending)  # one that was deleted since does not count
    return EmbeddingStatus(
        state=EmbeddingState.READY,
        model=live.embedder.model.name,
        dimension=live.embedder.model.dimension,
        pending=pending,
        failed=failed,
        detail=live.trouble or _about(failed),
        embedder=live.spec,
    )


def coming(store: Store, wanted: str, arriving: Live | None, unloadable: str | None) -> NextModel:
    """The `wanted` model, while another serves."""
    if arriving is None or arriving.spec != wanted:
        state = EmbeddingState.UNAVAILABLE if unloadable else EmbeddingState.LOADING
        return NextModel(embedder=wanted, state=state, detail=unloadable)
    pending = store.count_pending(arriving.embedder.model)
    failed = min(arriving.backlog.failed, pending)
    return NextModel(
        embedder=wanted,
        state=EmbeddingState.UNAVAILABLE if arriving.unfit else EmbeddingState.READY,
        model=arriving.embedder.model.name,
        pending=pending,
        failed=failed,
        detail=arriving.trouble or arriving.unfit or _about(failed),
    )


def _about(failed: int) -> str | None:
    if failed == 0:
        return None
    return f"{memories(failed)} could not be embedded; the log says why, they are retried"
