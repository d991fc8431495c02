"""A model behind an endpoint: what is sent, what its vectors must be, and how long a query may wait."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core.engine.embedders.endpoint import Endpoint
from memory_core.engine.embedders.openai import REQUEST_CHARACTERS, REQUEST_TEXTS, OpenAIEmbedder, load_embedder
from memory_core.engine.ports import EmbedderOptions
from memory_core.errors import ModelUnavailableError, UnavailableError
from support.embedding_api import EmbeddingApi, Refusal, meanings, unused_url

KEY = "sk-s3cret"
Load = Callable[..., OpenAIEmbedder]


def options(url: str, key: str | None = None) -> EmbedderOptions:
    return EmbedderOptions(cache_dir=Path("unused"), download=False, threads=1, url=url, api_key=key)


@pytest.fixture
def load(api: EmbeddingApi) -> Iterator[Load]:
    """Loads models of the test's endpoint and closes them."""
    loaded: list[OpenAIEmbedder] = []

    def load(name: str = "toy", **changes: Any) -> OpenAIEmbedder:
        endpoint = Endpoint(api.url, model=name, key=KEY)
        loaded.append(OpenAIEmbedder(endpoint, name, **changes))
        return loaded[-1]

    yield load
    for embedder in loaded:
        embedder.close()


def test_the_model_is_named_as_the_endpoint_names_it(api: EmbeddingApi) -> None:
    embedder = load_embedder("nomic-embed-text:v1.5", options(api.url))
    embedder.close()

    assert (embedder.model.name, embedder.model.revision, embedder.model.dimension) == (
        "nomic-embed-text:v1.5",
        "api",
        64,
    )
    assert api.bodies[0]["model"] == "nomic-embed-text:v1.5"
    assert api.bodies[0]["encoding_format"] == "float"


@pytest.mark.parametrize("end", ["", "/", "/embeddings"])
def test_the_address_may_end_as_people_write_it(api: EmbeddingApi, end: str) -> None:
    load_embedder("toy", options(api.url + end)).close()


@pytest.mark.parametrize(("key", "header"), [(KEY, f"Bearer {KEY}"), (None, None)])
def test_a_key_is_sent_where_there_is_one(api: EmbeddingApi, key: str | None, header: str | None) -> None:
    load_embedder("toy", options(api.url, key)).close()

    assert api.keys == [header]


def test_vectors_have_unit_length_and_the_order_of_the_texts(api: EmbeddingApi, load: Load) -> None:
    texts = [f"memory number {number}" for number in range(2 * REQUEST_TEXTS + 3)]

    vectors = load().embed(texts)

    np.testing.assert_allclose(vectors, meanings(texts) / 3, atol=1e-6)
    assert vectors.dtype == np.float32
    assert [len(texts) for texts in api.inputs] == [1, REQUEST_TEXTS, REQUEST_TEXTS, 3]


def test_a_request_holds_only_so_many_characters(api: EmbeddingApi, load: Load) -> None:
    third = "x" * (REQUEST_CHARACTERS // 3)

    load().embed([third] * 4 + ["y" * 2 * REQUEST_CHARACTERS])

    assert [len(texts) for texts in api.inputs] == [1, 3, 1, 1]


def test_an_empty_text_is_sent_as_a_full_stop(api: EmbeddingApi, load: Load) -> None:
    """OpenAI and others refuse empty ones."""
    embedder = load()
    embedder.embed(["", "a"])
    embedder.embed_query("")

    assert api.inputs[1:] == [[".", "a"], ["."]]


@pytest.mark.parametrize(
    ("name", "query", "document"),
    [
        ("nomic-embed-text", "search_query: ", "search_document: "),
        ("text-embedding-nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        ("intfloat/multilingual-E5-small", "query: ", "passage: "),
        ("BAAI/bge-small-en-v1.5", "Represent this sentence for searching relevant passages: ", ""),
        ("text-embedding-3-small", "", ""),
    ],
)
def test_known_models_get_queries_and_texts_marked(
    api: EmbeddingApi, load: Load, name: str, query: str, document: str
) -> None:
    embedder = load(name)
    embedder.embed(["text"])
    embedder.embed_query("question")

    assert api.inputs[1:] == [[document + "text"], [query + "question"]]


def test_a_piece_and_its_mark_together_are_as_long_as_a_piece_may_be(load: Load) -> None:
    pieces = load("nomic-embed-text").pieces("x" * 5000)

    assert [len(piece) for piece in pieces] == [1983, 1983, 1034]


def test_a_query_is_cut_to_what_a_piece_may_hold(api: EmbeddingApi, load: Load) -> None:
    load().embed_query("word " * 1000)

    assert api.inputs[-1] == ["word " * 400]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [([1.0] * 32, "gave 32 numbers a text where it gave 64 before"), ([0.0] * 64, "is zero throughout")],
)
def test_vectors_that_are_not_of_this_model_are_not_taken(
    api: EmbeddingApi, load: Load, numbers: list[float], said: str
) -> None:
    embedder = load()
    api.spoil = lambda _: {"data": [{"index": 0, "embedding": numbers}]}

    with pytest.raises(UnavailableError, match=said):
        embedder.embed(["text"])


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_any_length_is_made_one(api: EmbeddingApi, load: Load, size: float) -> None:
    embedder = load()
    api.spoil = lambda _: {"data": [{"index": 0, "embedding": [size, -size] * 32}]}

    np.testing.assert_allclose(np.abs(embedder.embed(["text"])), 1 / 8)


def test_what_a_server_says_while_the_model_is_loaded_is_shown(api: EmbeddingApi) -> None:
    api.refusals = [Refusal(400, "encoding_format is unknown")]

    with pytest.raises(ModelUnavailableError, match="answered 400: encoding_format is unknown"):
        load_embedder("toy", options(api.url))


def test_a_missing_key_is_asked_for(api: EmbeddingApi) -> None:
    api.wanted_key = KEY

    with pytest.raises(ModelUnavailableError, match=r"answered 401: it wants a key; set MEMORY_EMBEDDER_KEY"):
        load_embedder("toy", options(api.url))


def test_an_endpoint_that_is_not_there_is_named() -> None:
    url = unused_url()

    with pytest.raises(ModelUnavailableError, match=f"{url}/embeddings cannot be reached"):
        load_embedder("toy", options(url, KEY))


def test_a_model_must_be_named() -> None:
    with pytest.raises(ModelUnavailableError, match="openai:MODEL"):
        load_embedder("", options("http://127.0.0.1:1/v1"))


def test_a_query_waits_for_a_hanging_endpoint_once_and_the_next_not_at_all(api: EmbeddingApi, load: Load) -> None:
    """Each would hold up a search that has its answer by keyword already."""
    embedder = load(query_s=0.1)
    api.free.clear()
    with pytest.raises(ModelUnavailableError):
        embedder.embed_query("first")

    with pytest.raises(ModelUnavailableError, match="failed a moment ago"):
        embedder.embed_query("second")

    assert len(api.bodies) == 2


def test_the_limit_of_a_query_is_for_all_of_its_answer(api: EmbeddingApi, load: Load) -> None:
    """An HTTP client's own limits are for each read, so an answer that comes byte by byte keeps within them."""
    embedder = load(query_s=0.2)
    api.drips = True

    with pytest.raises(ModelUnavailableError, match=r"did not answer within 0\.2 s"):
        embedder.embed_query("anything")


def test_queries_are_sent_again_once_the_endpoint_has_answered(api: EmbeddingApi, load: Load) -> None:
    embedder = load()
    api.refusals = [Refusal(503)]
    with pytest.raises(ModelUnavailableError, match="answered 503"):
        embedder.embed_query("first")

    embedder.embed(["text"])

    np.testing.assert_allclose(embedder.embed_query("second"), meanings(["second"])[0] / 3, atol=1e-6)
