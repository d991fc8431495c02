"""Commands about embedding models. What has to do with a model's files is done by memory-server, where models live."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from memory_cli import handover
from memory_cli.options import Here, flag

model = App(
    name="model",
    help="Make embedding models ready for search by meaning.",
    help_epilogue="",
    group_commands=Group("Commands"),
)


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
