"""What a model's folder says of itself, in the files that sentence-transformers writes beside the weights.

Reads small JSON files and nothing else; the weights stay closed.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct

from memory_core.errors import ModelUnavailableError
from memory_core.files import why_not

WEIGHTS = "model.safetensors"
OWN_GRAPHS = ("onnx/model.onnx", "model.onnx")
_UNLIMITED = 1_000_000  # tokenizers write absurd lengths where they know none


class Pooling(StrEnum):
    """How the vectors of the tokens become one."""

    MEAN = "mean"
    CLS = "cls"


class ModelCard(Struct, frozen=True, kw_only=True):
    """`max_tokens` counts the special tokens too. Prompts are put before what is embedded."""

    max_tokens: int
    query_prompt: str
    document_prompt: str
    lower_case: bool


# Models whose folders hold no prompts, or that have no folder here, by a part of their name.
_RELEVANT_PASSAGES = "Represent this sentence for searching relevant passages: "
_PROMPTS: tuple[tuple[str, str, str], ...] = (
    ("e5-", "query: ", "passage: "),
    ("bge-small-en", _RELEVANT_PASSAGES, ""),
    ("bge-base-en", _RELEVANT_PASSAGES, ""),
    ("bge-large-en", _RELEVANT_PASSAGES, ""),
    ("mxbai-embed-large", _RELEVANT_PASSAGES, ""),
    ("nomic-embed-text", "search_query: ", "search_document: "),
)


def is_model(folder: Path) -> bool:
    """Whether `folder` holds all that is needed: settings, a tokenizer and weights."""
    needed = ("config.json", "tokenizer.json")
    return all((folder / name).is_file() for name in needed) and weights_of(folder) is not None


def is_reranker(folder: Path) -> bool:
    """Whether the model in `folder` scores texts instead of embedding them. Raises ModelUnavailableError."""
    try:
        architectures = _json(folder / "config.json").get("architectures") or ()
        return any(str(name).endswith("ForSequenceClassification") for name in architectures)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelUnavailableError(f"{folder / 'config.json'} cannot be read: {why_not(error)}") from error


def weights_of(folder: Path) -> Path | None:
    """The file whose contents name the model's revision: safetensors before ONNX, so that all backends agree."""
    return next((path for name in (WEIGHTS, *OWN_GRAPHS) if (path := folder / name).is_file()), None)


def own_graph(folder: Path) -> Path | None:
    return next((path for name in OWN_GRAPHS if (path := folder / name).is_file()), None)


def read_card(folder: Path, *, name: str) -> ModelCard:
    """Raises ModelUnavailableError where a file cannot be read."""
    try:
        sentence = _json(folder / "sentence_bert_config.json")
        query_prompt, document_prompt = _prompts(_json(folder / "config_sentence_transformers.json"), name)
        return ModelCard(
            max_tokens=_max_tokens(folder, sentence),
            query_prompt=query_prompt,
            document_prompt=document_prompt,
            lower_case=bool(sentence.get("do_lower_case")),
        )
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ModelUnavailableError(
            f"The model in {folder} has settings that cannot be read: {why_not(error)}"
        ) from error


def _json(path: Path) -> dict[str, Any]:
    """An absent file is an empty one: most of them are optional."""
    settings: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    return settings


def modules(folder: Path) -> list[tuple[str, str]]:
    """The model's steps: the name of each one's class, and its folder within the model's (empty for the encoder)."""
    listing = folder / "modules.json"
    found = json.loads(listing.read_bytes()) if listing.is_file() else []
    return [(module["type"].rsplit(".", 1)[-1], module["path"]) for module in found]


def read_pooling(folder: Path) -> Pooling:
    """Mean where nothing is said, as sentence-transformers does it. Raises ModelUnavailableError for other steps."""
    pooling = Pooling.MEAN
    for kind, path in modules(folder):
        if kind == "Pooling":
            pooling = _pooling_mode(_json(folder / path / "config.json"), folder)
        elif kind not in ("Transformer", "Normalize"):
            raise ModelUnavailableError(
                f"The model in {folder} has a module {kind}, which the embedder onnx does not know; "
                "use the embedder sentence-transformers"
            )
    return pooling


def _pooling_mode(settings: Mapping[str, Any], folder: Path) -> Pooling:
    said = settings.get("pooling_mode")  # in folders written now; a flag for each mode in older ones
    flags = [key for key, value in settings.items() if key.startswith("pooling_mode_") and value]
    modes = [said] if isinstance(said, str) else said or [_POOLING_FLAGS.get(flag, flag) for flag in flags]
    match modes or [Pooling.MEAN]:
        case [Pooling.MEAN | Pooling.CLS as mode]:
            return Pooling(mode)
        case other:
            raise ModelUnavailableError(
                f"The model in {folder} pools by {', '.join(map(str, other))}, which the embedder onnx does not know; "
                "use the embedder sentence-transformers"
            )


_POOLING_FLAGS = {"pooling_mode_mean_tokens": Pooling.MEAN, "pooling_mode_cls_token": Pooling.CLS}


def _max_tokens(folder: Path, sentence: Mapping[str, Any]) -> int:
    config = _json(folder / "config.json")
    positions = int(config.get("max_position_embeddings") or _UNLIMITED)
    if config.get("model_type") in ("roberta", "xlm-roberta", "camembert"):
        positions -= int(config.get("pad_token_id") or 0) + 1  # RoBERTa's first positions belong to padding
    said = sentence.get("max_seq_length") or _json(folder / "tokenizer_config.json").get("model_max_length")
    return int(min(positions, said or _UNLIMITED))


def _prompts(settings: Mapping[str, Any], name: str) -> tuple[str, str]:
    prompts = {key: str(value or "") for key, value in (settings.get("prompts") or {}).items()}
    usual = prompts.get(settings.get("default_prompt_name") or "", "")
    query = prompts.get("query", usual)
    document = prompts.get("document") or prompts.get("passage", usual)
    return (query, document) if query or document else known_prompts(name)


def known_prompts(name: str) -> tuple[str, str]:
    """What the model of this name wants before a query and before a document; empty where nothing is known."""
    return next(((query, document) for part, query, document in _PROMPTS if part in name.lower()), ("", ""))
