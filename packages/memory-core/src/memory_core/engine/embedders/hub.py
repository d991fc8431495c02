"""Getting a model from the Hugging Face hub into a folder, whole or not at all.

Runs in the background thread that loads the model, never in a request. Files come one after another in that thread:
the library's own thread pool would keep a process from ending until a slow download is through.
"""

import json
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from memory_core.engine.embedders.architectures import objection
from memory_core.engine.embedders.card import OWN_GRAPHS, WEIGHTS, modules
from memory_core.errors import ModelUnavailableError
from memory_core.files import FileLock, first_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
_SMALL = (
    "config.json",
    "modules.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)


def cached(repository: str) -> Path | None:
    """The folder in the cache that Hugging Face's own tools keep, if the model is there."""
    from huggingface_hub import snapshot_download  # slow to import (0.7 s), and seldom needed
    from huggingface_hub.errors import HFValidationError

    try:
        # bandit wants a revision of what is downloaded; here nothing is.
        folder = snapshot_download(repository, local_files_only=True)  # nosec B615
        return Path(folder)
    except (OSError, HFValidationError):  # not there, not readable, or no name that a hub could have
        return None


def download(repository: str, folder: Path, *, endpoint: str | None = None) -> None:
    """Fetch what is needed of `repository` into `folder`, which appears when all of it is there.

    A folder that exists is left as it is. Honours HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN, as the library does.
    Raises ModelUnavailableError with the reason.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    if not lock.acquire(timeout_s=TIMEOUT_S):
        raise ModelUnavailableError(f"another process is downloading {repository}")
    try:
        if not folder.is_dir():
            log.info("Downloading the model %s", repository)
            _fetch(HfApi(endpoint=endpoint), repository, folder)
    except Exception as error:  # the library lets its HTTP client's errors through, and that client changes
        raise ModelUnavailableError(f"downloading {repository} failed: {first_line(error)}") from error
    finally:
        lock.release()


def _fetch(hub: "HfApi", repository: str, folder: Path) -> None:
    """A download that broke off is taken up again where it was left."""
    partial = folder.with_name(f".{folder.name}.partial")
    # Asked first, because it fails at once where asking for a file is retried for 20 s.
    info = hub.model_info(repository, timeout=TIMEOUT_S)
    present = {file.rfilename for file in info.siblings or ()}

    def fetch(names: Iterable[str]) -> None:
        for name in names:
            hub.hf_hub_download(repository, name, revision=info.sha, local_dir=partial, etag_timeout=TIMEOUT_S)

    fetch(name for name in _SMALL if name in present)
    steps = tuple(f"{path}/" for _, path in modules(partial) if path)
    fetch(sorted(name for name in present if name.startswith(steps)))
    config = json.loads((partial / "config.json").read_bytes())
    fetch([WEIGHTS] if WEIGHTS in present else ())
    if objection(config) or WEIGHTS not in present:
        fetch([name for name in OWN_GRAPHS if name in present][:1])
    shutil.rmtree(partial / ".cache", ignore_errors=True)  # the library's notes about the download
    partial.rename(folder)
