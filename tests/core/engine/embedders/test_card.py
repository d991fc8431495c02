"""What a model's folder says of itself, in the spellings that are about."""

import json
from pathlib import Path
from typing import Any

import pytest

from memory_core.engine.embedders.card import Pooling, is_model, read_card, read_pooling
from memory_core.errors import ModelUnavailableError
from support.embedders import MODEL, model_folder


def write(folder: Path, **files: Any) -> Path:
    """File names with two underscores for a slash and without their ending → what they hold."""
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_the_model_of_the_wheel_reads_256_tokens_and_marks_nothing() -> None:
    card = read_card(model_folder(), name=MODEL)

    assert (card.max_tokens, card.query_prompt, card.document_prompt, card.lower_case) == (256, "", "", False)
    assert read_pooling(model_folder()) is Pooling.MEAN
    assert is_model(model_folder())


@pytest.mark.parametrize(
    "settings",
    [
        {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
        {"pooling_mode": "cls", "embedding_dimension": 384},
        {"pooling_mode": ["cls"]},
    ],
)
def test_pooling_is_read_in_old_and_new_spelling(tmp_path: Path, settings: dict[str, Any]) -> None:
    modules = [{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "1_Pooling"}]
    write(tmp_path, modules=modules, **{"1_Pooling__config": settings})

    assert read_pooling(tmp_path) is Pooling.CLS


def test_a_folder_that_says_nothing_of_pooling_means_the_mean(tmp_path: Path) -> None:
    assert read_pooling(tmp_path) is Pooling.MEAN


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ([{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}], "a module Dense"),
        ([{"type": "x.Pooling", "path": "1_Pooling"}], "pools by pooling_mode_max_tokens"),
    ],
)
def test_a_step_that_is_not_built_is_refused_with_the_way_out(tmp_path: Path, modules: Any, said: str) -> None:
    """Left out, it would give vectors that look right and are not."""
    write(tmp_path, modules=modules, **{"1_Pooling__config": {"pooling_mode_max_tokens": True}})

    with pytest.raises(ModelUnavailableError, match=f"{said}.*sentence-transformers"):
        read_pooling(tmp_path)


@pytest.mark.parametrize(
    ("config", "sentence", "tokenizer", "expected"),
    [
        ({"max_position_embeddings": 512}, {"max_seq_length": 128}, {}, 128),
        ({"max_position_embeddings": 512}, {}, {"model_max_length": 10**30}, 512),
        ({"max_position_embeddings": 512}, {}, {"model_max_length": 384}, 384),
        ({"max_position_embeddings": 514, "model_type": "xlm-roberta", "pad_token_id": 1}, {}, {}, 512),
    ],
)
def test_how_much_the_model_reads_is_what_the_strictest_file_says(
    tmp_path: Path, config: Any, sentence: Any, tokenizer: Any, expected: int
) -> None:
    write(tmp_path, config=config, sentence_bert_config=sentence, tokenizer_config=tokenizer)

    assert read_card(tmp_path, name="some").max_tokens == expected


@pytest.mark.parametrize(
    ("name", "settings", "query", "document"),
    [
        ("some", {"prompts": {"query": "Q: ", "passage": "P: "}}, "Q: ", "P: "),
        ("some", {"prompts": {"query": "Q: ", "document": ""}}, "Q: ", ""),
        ("some", {"prompts": {"all": "A: "}, "default_prompt_name": "all"}, "A: ", "A: "),
        ("multilingual-e5-small", {}, "query: ", "passage: "),
        ("bge-small-en-v1.5", {}, "Represent this sentence for searching relevant passages: ", ""),
        ("some", {}, "", ""),
    ],
)
def test_queries_and_texts_are_marked_as_the_model_wants_them(
    tmp_path: Path, name: str, settings: Any, query: str, document: str
) -> None:
    write(tmp_path, config={}, config_sentence_transformers=settings)

    card = read_card(tmp_path, name=name)

    assert (card.query_prompt, card.document_prompt) == (query, document)


def test_settings_that_are_no_json_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{", encoding="utf-8")

    with pytest.raises(ModelUnavailableError, match="cannot be read"):
        read_card(tmp_path, name="some")


def test_a_folder_without_weights_is_no_model(tmp_path: Path) -> None:
    write(tmp_path, config={}, tokenizer={})

    assert not is_model(tmp_path)
