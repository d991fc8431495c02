"""Commands about embedding models. What has to do with a model's files is done by memory-server, where models live."""

import asyncio
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from memory_cli import handover
from memory_cli.options import Here, flag
from memory_cli.store_words import embedding_text, model_in_full, models_text
from memory_core.counting import memories
from memory_core.errors import ModelUnavailableError, NotFoundError
from memory_core.memories import Memories, Progress
from memory_core.types import EmbeddingState, EmbeddingStatus, ModelChoice, ModelInfo, ModelList

_SLOWEST_POLL_S = 1.0

model = App(
    name="model",
    help="Choose the embedding model for search by meaning, and make models ready for it.",
    help_epilogue="",
    group_commands=Group("Commands"),
)


@model.command(name="list")
async def list_(*, session: Here) -> None:
    """Show the models: in use, on the way, kept, and at hand on the server's machine."""
    async with session.memories() as store:
        found = await store.models()
    session.out.give(found, models_text(found))
    if not session.out.as_json:
        session.out.note(f"search by meaning: {embedding_text(found.embedding)}")


@model.command
async def info(
    name: Annotated[str | None, Parameter(help="As `list` shows it; without it, the model in use.")] = None,
    /,
    *,
    session: Here,
) -> None:
    """Show one model in full."""
    async with session.memories() as store:
        found = await store.models()
    chosen = _named(found, name)
    session.out.give(chosen, model_in_full(chosen))


@model.command
async def use(
    embedder: Annotated[str, Parameter(help="onnx:NAME, sentence-transformers:NAME, openai:MODEL, or none.")],
    /,
    *,
    no_wait: Annotated[bool, flag("Leave the server to it.")] = False,
    session: Here,
) -> None:
    """Let another model take over, and wait until it has.

    Search goes on with the model before until the new one has embedded everything. A restart goes on where it was.
    """
    async with session.memories() as store:
        status = await store.use_model(ModelChoice(embedder=embedder))
        if not no_wait:
            with session.out.progress("Embedding") as progress:
                status = await _taken_over(store, embedder, progress)
    session.out.give(status, _chosen(status, embedder))


async def _taken_over(store: Memories, embedder: str, progress: Progress) -> EmbeddingStatus:
    pause_s, most = 0.1, 0
    while True:
        status = (await store.health()).embedding
        _refuse_unloadable(status, embedder)
        coming = status.next
        left = coming.pending - coming.failed if coming else status.pending - status.failed
        most = max(most, left)
        progress(most - left, most)
        loading = status.state is EmbeddingState.LOADING or (coming is not None)
        if not loading and left <= 0:
            return status
        pause_s = min(pause_s * 2, _SLOWEST_POLL_S)
        await asyncio.sleep(pause_s)


def _refuse_unloadable(status: EmbeddingStatus, embedder: str) -> None:
    if status.next is not None and status.next.state is EmbeddingState.UNAVAILABLE:
        raise ModelUnavailableError(
            f"{embedder} cannot be loaded: {status.next.detail}; {status.embedder} goes on, and "
            f"`claude-memory model use {status.embedder}` gives the change up"
        )
    if status.state is EmbeddingState.UNAVAILABLE:
        raise ModelUnavailableError(f"{embedder} cannot be loaded: {status.detail}; search goes by keyword meanwhile")


def _chosen(status: EmbeddingStatus, embedder: str) -> str:
    if status.state is EmbeddingState.OFF:
        return "Search by meaning is off; search goes by keyword"
    if status.next is not None or status.state is EmbeddingState.LOADING:
        return f"{embedder} takes over when it has embedded everything; `claude-memory status` says how far it is"
    failed = f"; {memories(status.failed)} could not be embedded" if status.failed else ""
    return f"Search by meaning goes by {status.embedder} now{failed}"


def _named(found: ModelList, name: str | None) -> ModelInfo:
    for each in found.models:
        if name is None or name in (each.embedder, each.name, each.revision):
            return each
    known = ", ".join(each.embedder or each.name for each in found.models) or "none"
    raise NotFoundError(f"there is no model {name!r} here; there are: {known}" if name else "there is no model here")


@model.command
def export(
    name: Annotated[str, Parameter(help="all-MiniLM-L6-v2, a hub's ORGANISATION/NAME, or a folder's path.")],
    folder: Annotated[Path, Parameter(help="Where to; must not exist yet, or be empty.")],
    /,
    *,
    precision: Annotated[
        Literal["fp32", "int8"], Parameter(help="int8: a quarter of the size, faster, almost as good.")
    ] = "fp32",
    model_cache: Annotated[Path | None, Parameter(help="Folder for models, instead of the local server's.")] = None,
    no_download: Annotated[bool, flag("Only a model that is on this machine.")] = False,
    session: Here,
) -> int:
    """Make an ONNX folder from any sentence-transformers model, compared with the original on the spot.

    Use it with MEMORY_EMBEDDER=onnx:FOLDER. Needs memory-server on this machine.
    """
    options = ["--precision", precision]
    options += [] if model_cache is None else ["--model-cache", str(model_cache)]
    options += ["--no-download"] if no_download else []
    options += ["--json"] if session.out.as_json else []
    return handover.server(["export-model", *options, "--", name, str(folder)], session.place)
