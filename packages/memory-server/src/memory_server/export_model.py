"""`memory-server export-model`: make a folder that MEMORY_EMBEDDER=onnx:FOLDER reads, and say how good it is.

Part of this command because models live where the server does; it opens no store and needs no server.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from memory_core.settings import Option, add_flags, load_settings
from memory_server.actions import as_json
from memory_server.settings import LOCAL_DATA_DIR

if TYPE_CHECKING:
    from memory_core.engine.embedders.export import ExportReport

NAME = "export-model"
_PRECISIONS = ("fp32", "int8")


class ExportSettings(Struct, frozen=True, kw_only=True):
    """What a server of this machine would be set to, so that both find the same models."""

    data_dir: Annotated[Path, Option("MEMORY_DATA_DIR", "folder whose models are looked at")] = LOCAL_DATA_DIR
    model_cache: Annotated[
        Path | None, Option("MEMORY_MODEL_CACHE", "folder for models; by default one in the data folder")
    ] = None
    model_download: Annotated[bool, Option("MEMORY_MODEL_DOWNLOAD", "whether a missing model may be downloaded")] = True
    threads: Annotated[int, Option("MEMORY_THREADS", "threads for the model; 0: one a processor"), Meta(ge=0)] = 0


def add_command(commands: Any) -> None:
    """Add the subcommand. Any: the type of what `add_subparsers` makes has no public name."""
    made: argparse.ArgumentParser = commands.add_parser(
        NAME,
        help="make an ONNX folder from a model, compared with the original",
        description="Make an ONNX folder from any sentence-transformers model, compared with the original on the spot. "
        "Use it with MEMORY_EMBEDDER=onnx:FOLDER. Vectors of another model are not comparable: memories are embedded "
        "anew, in the background.",
        argument_default=argparse.SUPPRESS,  # else it would undo what was said before the command
    )
    made.add_argument("name", metavar="NAME", help="all-MiniLM-L6-v2, a hub's ORGANISATION/NAME, or a folder's path")
    made.add_argument("folder", metavar="FOLDER", help="where to; must not exist yet, or be empty")
    made.add_argument(
        "--precision", choices=_PRECISIONS, default="fp32", help="int8: a quarter of the size, faster, almost as good"
    )
    made.add_argument("--json", action="store_true", default=False, help="print the report as JSON")
    add_flags(made, ExportSettings)
    made.add_argument(
        "--no-download", dest="model_download", action="store_const", const="false", help="--model-download false"
    )


def run(flags: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Raises MemoryServiceError."""
    settings = load_settings(ExportSettings, environ, flags)
    # Heavy parts are imported here: the server's own start has no use for them.
    from memory_core.engine.embedders.agreement import Precision
    from memory_core.engine.embedders.export import export
    from memory_core.engine.ports import EmbedderOptions

    report = export(
        flags["name"],
        Path(flags["folder"]),
        precision=Precision(flags["precision"]),
        options=EmbedderOptions(
            cache_dir=settings.model_cache or settings.data_dir.expanduser() / "models",
            download=settings.model_download,
            threads=settings.threads or os.cpu_count() or 1,
        ),
    )
    sys.stdout.write(f"{as_json(report) if flags['json'] else _table(report)}\n")


def _table(report: "ExportReport") -> str:
    rows = {
        "folder": report.folder,
        "model": f"{report.model}, {report.dimension} dimensions, revision {report.revision}",
        "graph": f"{report.graph}, {report.precision}, {report.bytes / 1e6:.1f} MB",
        "compared with": report.reference,
        "cosine": f"{report.cosine_mean:.4f} in the mean, {report.cosine_min:.4f} at the least",
        "difference": f"{report.largest_difference:.1e} at the most, of a number",
        "same nearest": f"{report.same_nearest:.0%} of the samples",
        "speed": f"{report.texts_per_s:.0f} texts/s, the original {report.reference_texts_per_s:.0f}",
        "use it with": f"MEMORY_EMBEDDER=onnx:{report.folder}",
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())
