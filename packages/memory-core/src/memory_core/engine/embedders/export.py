"""A model as a folder of its own that the embedder onnx reads without torch, compared with the original on the spot.

The folder is whole: graph, tokenizer, settings. What it is compared with is sentence-transformers where that is
installed, and is named in the report in any case. A folder that does not agree is not put in place.
"""

import importlib.util
import json
import os
import shutil
import time
from pathlib import Path

from msgspec.structs import asdict, replace

from memory_core.engine.embedders import graphs, models, onnx, sentence_transformers
from memory_core.engine.embedders.agreement import Agreement, Precision, compare, shortfall
from memory_core.engine.embedders.card import WEIGHTS, ModelCard, modules, read_card, read_pooling
from memory_core.engine.embedders.samples import SAMPLES
from memory_core.engine.ports import Embedder, EmbedderOptions, Vectors
from memory_core.errors import InvalidError, ModelUnavailableError, UnavailableError
from memory_core.files import why_not

_SETTINGS = ("config.json", "modules.json", "sentence_bert_config.json")
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
_PROMPTS = "config_sentence_transformers.json"


class ExportReport(Agreement, frozen=True, kw_only=True):
    """`bytes` is the folder's size. `reference` says what the vectors were compared with; rates are texts a second."""

    folder: str
    model: str
    revision: str
    precision: Precision
    dimension: int
    bytes: int
    graph: graphs.Origin
    reference: str
    texts_per_s: float
    reference_texts_per_s: float


def export(name: str, folder: Path, *, precision: Precision, options: EmbedderOptions) -> ExportReport:
    """Make `folder`, which is absent or empty, a model for MEMORY_EMBEDDER=onnx:FOLDER.

    It appears whole and compared, or not at all. Blocks for seconds, and while the model is downloaded, if that is
    allowed. Raises InvalidError for a folder that holds something, ModelUnavailableError where the model cannot be
    had, cannot be exported or does not agree with the original, UnavailableError where it cannot be written.
    """
    target = _vacant(folder)
    model = models.find(name, options)
    card = read_card(model.folder, name=model.name)
    read_pooling(model.folder)  # refuses what the embedder onnx does not know, before there is work to lose
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        scratch.mkdir(parents=True)
        graph, origin = graphs.build(model.folder, scratch / "graph")
        if precision is Precision.INT8:
            graph = graphs.quantise(graph, scratch)
        made = scratch / "made" / target.name
        graphs.save(graph, made, {"model": model.name, "model_sha256": model.sha256, "precision": precision.value})
        _write_settings(model.folder, made, card)
        report = _checked(name, model, made, origin, precision, options)
        _put(made, target)
    except OSError as error:
        raise UnavailableError(f"The model cannot be written to {target}: {why_not(error)}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return replace(report, folder=str(target))


def _vacant(folder: Path) -> Path:
    target = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 - resolve() would follow a link to elsewhere
    if os.path.lexists(target) and not (target.is_dir() and not target.is_symlink() and not any(target.iterdir())):
        raise InvalidError(f"{target} is there already and is no empty folder; name one that does not exist yet")
    return target


def _write_settings(folder: Path, made: Path, card: ModelCard) -> None:
    """Everything but the graph. Prompts are written out: here they may follow from the model's name, there no more."""
    for file in (*_SETTINGS, *_TOKENIZER):
        if (source := folder / file).is_file():
            shutil.copyfile(source, made / file)
    for _, path in modules(folder):
        settings = Path(path, "config.json")
        if path and (folder / settings).is_file():
            if settings.is_absolute() or ".." in settings.parts:
                raise ModelUnavailableError(f"The model in {folder} names a module outside of its folder: {path}")
            (made / path).mkdir(parents=True)
            shutil.copyfile(folder / settings, made / settings)
    _write_prompts(folder / _PROMPTS, made / _PROMPTS, card)
    if read_card(made, name=made.name) != card:
        raise InvalidError(f"a folder called {made.name} would be taken for another model; choose another name for it")


def _write_prompts(source: Path, target: Path, card: ModelCard) -> None:
    settings = json.loads(source.read_bytes()) if source.is_file() else {}
    prompts = {"query": card.query_prompt, "document": card.document_prompt}
    settings["prompts"] = {**(settings.get("prompts") or {}), **prompts}
    target.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _checked(
    name: str, model: models.Model, made: Path, origin: graphs.Origin, precision: Precision, options: EmbedderOptions
) -> ExportReport:
    """Raises ModelUnavailableError if the vectors of `made` are not those of the original."""
    original: Embedder
    if importlib.util.find_spec("sentence_transformers") and (model.folder / WEIGHTS).is_file():
        reference, original = "sentence-transformers", sentence_transformers.load_embedder(name, options)
    else:
        reference, original = "onnx, fp32, of the same weights", onnx.load_embedder(name, options)
    wanted, reference_rate = _measured(original)
    # As a server will load it, but for the notes that it keeps of a model's checksum: those would outlive this folder.
    result = onnx.load_embedder(str(made), replace(options, cache_dir=made.parent / "cache"))
    vectors, rate = _measured(result)
    agreement = compare(vectors, wanted)
    if why := shortfall(agreement, precision):
        raise ModelUnavailableError(
            f"The {precision} export of {model.name} does not agree with {reference}: {why}; nothing was kept"
        )
    return ExportReport(
        **asdict(agreement),
        folder=str(made),
        model=model.name,
        revision=result.model.revision,
        precision=precision,
        dimension=result.model.dimension,
        bytes=sum(path.stat().st_size for path in made.rglob("*") if path.is_file()),
        graph=origin,
        reference=reference,
        texts_per_s=rate,
        reference_texts_per_s=reference_rate,
    )


def _measured(embedder: Embedder) -> tuple[Vectors, float]:
    """The samples' vectors, and how many of them it embeds in a second once it is warm. Closes the embedder."""
    vectors = embedder.embed(SAMPLES)
    started = time.perf_counter()
    embedder.embed(SAMPLES)
    rate = len(SAMPLES) / (time.perf_counter() - started)
    embedder.close()
    return vectors, round(rate, 1)


def _put(made: Path, target: Path) -> None:
    """Durable first, then under its name: a crash must not leave half a model there."""
    for path in made.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    if target.is_dir():
        target.rmdir()  # empty, as was seen; a system may not rename over it
    made.rename(target)
