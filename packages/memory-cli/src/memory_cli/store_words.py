"""The store and its models, as people read them: counts, and the state of embedding. Pure."""

from collections.abc import Mapping

from memory_cli.render import columns, one_line, size, table
from memory_core.counting import memories
from memory_core.types import (
    EmbeddingState,
    EmbeddingStatus,
    ModelInfo,
    ModelList,
    ModelUse,
    NextModel,
    RerankerState,
    RerankerStatus,
    Stats,
)


def stats_text(stats: Stats, *, scope: str) -> str:
    parts = [
        f"{scope[0].upper()}{scope[1:]}",
        table(
            {
                "memories": f"{stats.total_memories:,}",
                "with embeddings": f"{stats.memories_with_embeddings:,}",
                "in trash": f"{stats.in_trash:,}",
                "embeddings": embedding_text(stats.embedding),
                "storage": f"{stats.storage_path} ({size(stats.storage_bytes)})" if stats.storage_path else "",
            }
        ),
    ]
    parts += [
        f"{title}\n{_counts(counts)}"
        for title, counts in (
            ("By type", stats.by_type),
            ("By client", stats.by_client),
            ("By project", stats.by_project),
        )
        if counts
    ]
    return "\n\n".join(parts)


def embedding_text(status: EmbeddingStatus) -> str:
    """The state of the model and of its work, in one line."""
    said = {
        EmbeddingState.OFF: "off: keyword search only",
        EmbeddingState.LOADING: "the model is loading",
        EmbeddingState.READY: "ready",
        EmbeddingState.UNAVAILABLE: "not available",
    }[status.state]
    parts = [said]
    if status.model is not None:
        parts.append(f"{status.model}, {status.dimension} dimensions" if status.dimension else status.model)
    if status.pending:
        parts.append(f"{status.pending:,} pending")
    if status.failed:
        parts.append(f"{status.failed:,} failed")
    if status.detail:
        parts.append(status.detail)
    if status.next is not None:
        parts.append(f"next: {next_text(status.next)}")
    return one_line("; ".join(parts))


def reranker_text(status: RerankerStatus | None) -> str:
    """Empty where none was asked for."""
    if status is None:
        return ""
    said = {
        RerankerState.LOADING: "loading",
        RerankerState.READY: "ready",
        RerankerState.UNAVAILABLE: "not available",
    }[status.state]
    return one_line("; ".join(filter(None, (said, status.model, status.detail))))


def next_text(coming: NextModel) -> str:
    """How far the model is that is to take over."""
    said = {
        EmbeddingState.LOADING: "loading",
        EmbeddingState.UNAVAILABLE: "not available",
        EmbeddingState.READY: f"{memories(coming.pending)} left to embed",
    }.get(coming.state, coming.state.value)
    return f"{coming.embedder}, {said}" + (f": {coming.detail}" if coming.detail else "")


def models_text(found: ModelList) -> str:
    """A line a model: what it is for, its name, and what is known of it."""
    rows = [
        (
            model.use.value,
            model.embedder or model.name,
            f"{model.dimension} dimensions" if model.dimension else "",
            f"{model.memories:,} embedded" if model.memories or model.use is not ModelUse.AVAILABLE else "",
            size(model.weights_bytes) if model.weights_bytes else "",
        )
        for model in found.models
    ]
    if not rows:
        return "No model: search goes by keyword"
    return columns(rows)


def model_in_full(model: ModelInfo) -> str:
    return table(
        {
            "embedder": model.embedder or "",
            "name": model.name,
            "revision": model.revision or "",
            "use": model.use.value,
            "dimensions": str(model.dimension or ""),
            "reads at once": f"{model.max_tokens:,} tokens" if model.max_tokens else "",
            "embedded": f"{model.memories:,}",
            "weights": size(model.weights_bytes) if model.weights_bytes else "",
            "folder": model.folder or "",
        }
    )


def _counts(counts: Mapping[str, int]) -> str:
    width = max(len(f"{count:,}") for count in counts.values())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join(f"  {count:>{width},}  {one_line(name)}" for name, count in ordered)
