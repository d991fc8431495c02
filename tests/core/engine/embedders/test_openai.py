"""A model behind an endpoint: what is sent, what is believed of the answer, and what each failure says."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.engine.embedders.borders import pieces_by_width
from memory_core.engine.embedders.endpoint import Endpoint
from memory_core.engine.embedders.openai import REQUEST_CHARACTERS, REQUEST_TEXTS, OpenAIEmbedder, load_embedder
from memory_core.engine.ports import EmbedderOptions
from memory_core.errors import InvalidError, ModelUnavailableError, UnavailableError
from support.embedding_api import EmbeddingApi, Refusal, meanings, running_embedding_api, unused_url

KEY = "sk-s3cret"


@pytest.fixture
def api() -> Iterator[EmbeddingApi]:
    with running_embedding_api() as running:
        yield running


def options(url: str, key: str | None = None) -> EmbedderOptions:
    return EmbedderOptions(cache_dir=Path("unused"), download=False, threads=1, url=url, api_key=key)


@pytest.fixture
def load(api: EmbeddingApi) -> Iterator[Callable[..., OpenAIEmbedder]]:
    """Loads models of the test's endpoint and closes them."""
    loaded: list[OpenAIEmbedder] = []

    def load(name: str = "toy", **changes: Any) -> OpenAIEmbedder:
        endpoint = Endpoint(api.url, model=name, key=KEY)
        loaded.append(OpenAIEmbedder(endpoint, name, **changes))
        return loaded[-1]

    yield load
    for embedder in loaded:
        embedder.close()


def refusal(api: EmbeddingApi, embedder: OpenAIEmbedder, *texts: str) -> UnavailableError:
    with pytest.raises(UnavailableError) as refused:
        embedder.embed(texts or ("anything",))
    assert api.url in str(refused.value)
    assert KEY not in str(refused.value)
    return refused.value


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


def test_a_server_of_this_machine_is_not_looked_for_behind_a_proxy(
    api: EmbeddingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", unused_url())
    monkeypatch.delenv("NO_PROXY", raising=False)

    load_embedder("toy", options(api.url)).close()

    assert len(api.bodies) == 1


def test_vectors_have_unit_length_and_the_order_of_the_texts(api: EmbeddingApi, load: Any) -> None:
    texts = [f"memory number {number}" for number in range(2 * REQUEST_TEXTS + 3)]

    vectors = load().embed(texts)

    np.testing.assert_allclose(vectors, meanings(texts) / 3, atol=1e-6)
    assert vectors.dtype == np.float32
    assert [len(texts) for texts in api.inputs] == [1, REQUEST_TEXTS, REQUEST_TEXTS, 3]


def test_a_request_holds_only_so_many_characters(api: EmbeddingApi, load: Any) -> None:
    third = "x" * (REQUEST_CHARACTERS // 3)

    load().embed([third] * 4 + ["y" * 2 * REQUEST_CHARACTERS])

    assert [len(texts) for texts in api.inputs] == [1, 3, 1, 1]


def test_an_empty_text_is_sent_as_a_full_stop(api: EmbeddingApi, load: Any) -> None:
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
    api: EmbeddingApi, load: Any, name: str, query: str, document: str
) -> None:
    embedder = load(name)
    embedder.embed(["text"])
    embedder.embed_query("question")

    assert api.inputs[1:] == [[document + "text"], [query + "question"]]


def test_a_piece_and_its_mark_together_are_as_long_as_a_piece_may_be(load: Any) -> None:
    pieces = load("nomic-embed-text").pieces("x" * 5000)

    assert [len(piece) for piece in pieces] == [1983, 1983, 1034]


def test_a_query_is_cut_to_what_a_piece_may_hold(api: EmbeddingApi, load: Any) -> None:
    load().embed_query("word " * 1000)

    assert api.inputs[-1] == ["word " * 400]


@given(st.text(st.sampled_from("ab 語。.\n🎉"), max_size=300), st.integers(4, 40))
def test_pieces_together_are_the_text_and_none_is_too_wide(text: str, width: int) -> None:
    pieces = pieces_by_width(text, width)

    assert "".join(pieces) == text
    assert pieces
    assert all(sum(4 if c in "語。🎉" else 1 for c in piece) <= width for piece in pieces)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda _: "<html>", "no list of embeddings"),
        (lambda _: {}, "missing required field `data`"),
        (lambda answer: {"data": answer["data"][1:]}, "1 embeddings came for 2 texts"),
        (lambda answer: {"data": [answer["data"][0]] * 2}, "2 embeddings came for 2 texts, or not one for each"),
        (lambda answer: changed(answer, [float("nan")] * 64), "no list of embeddings"),
        (lambda answer: json.dumps(changed(answer, [1.0] * 64)).replace("1.0", "1e999"), "no list of embeddings"),
        (lambda answer: changed(answer, [None] * 64), "no list of embeddings"),
        (lambda answer: changed(answer, [1.0] * 63), "different sizes"),
        (lambda answer: changed(answer, [], []), "are empty"),
        (lambda answer: changed(answer, [1.0] * 32, [1.0] * 32), "gave 32 numbers a text where it gave 64 before"),
        (lambda answer: changed(answer, [0.0] * 64), "zero throughout"),
    ],
)
def test_an_answer_that_holds_no_vectors_of_the_model_is_not_believed(
    api: EmbeddingApi, load: Any, spoil: Callable[[Any], object], said: str
) -> None:
    embedder = load()
    api.spoil = spoil

    assert said in str(refusal(api, embedder, "one", "two"))


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_any_length_is_made_one(api: EmbeddingApi, load: Any, size: float) -> None:
    embedder = load()
    api.spoil = lambda answer: changed(answer, [size] * 64, [-size] * 64)

    np.testing.assert_allclose(np.abs(embedder.embed(["one", "two"])), 1 / 8)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "does not accept MEMORY_EMBEDDER_KEY"),
        (403, "does not accept MEMORY_EMBEDDER_KEY"),
        (404, "the model toy or the address is not known there"),
        (429, "has too many requests"),
        (503, "is not ready"),
    ],
)
def test_an_endpoint_that_serves_nobody_is_told_from_one_that_refuses_a_text(
    api: EmbeddingApi, load: Any, status: int, said: str
) -> None:
    """The queue then waits for it, and puts no memory aside."""
    embedder = load()
    api.refusals = [Refusal(status, f"{KEY} secret text")]

    error = refusal(api, embedder, "secret text")

    assert isinstance(error, ModelUnavailableError)
    assert said in str(error)
    assert "secret text" not in str(error)


def test_a_missing_key_is_asked_for(api: EmbeddingApi) -> None:
    api.wanted_key = KEY

    with pytest.raises(ModelUnavailableError, match=r"answered 401: it wants a key; set MEMORY_EMBEDDER_KEY"):
        load_embedder("toy", options(api.url))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, '{"error": {"message": "This model\'s maximum context length is 8192 tokens"}}'),
        (400, '{"error": "the input length exceeds the context length"}'),
        (413, '{"error": "Input validation error"}'),
        (500, '{"error": {"message": "input is too large to process. increase the physical batch size"}}'),
    ],
)
def test_a_text_that_is_too_long_says_what_to_choose(api: EmbeddingApi, load: Any, status: int, body: str) -> None:
    embedder = load()
    api.refusals = [Refusal(status, body)]

    error = refusal(api, embedder, "secret text")

    assert "a text of 11 characters is too long for toy; choose a model with a longer context" in str(error)
    assert not isinstance(error, ModelUnavailableError)


def test_what_a_server_says_of_a_memory_is_not_repeated(api: EmbeddingApi, load: Any) -> None:
    embedder = load()
    api.refusals = [Refusal(422, "the input was: secret text")]

    error = refusal(api, embedder, "secret text")

    assert "secret text" not in str(error)
    assert not isinstance(error, ModelUnavailableError)


def test_what_it_says_while_the_model_is_loaded_is_shown_without_the_key(api: EmbeddingApi) -> None:
    api.refusals = [Refusal(400, f"encoding_format\nis unknown, {KEY}")]

    with pytest.raises(ModelUnavailableError, match="answered 400: encoding_format is unknown, …"):
        load_embedder("toy", options(api.url, KEY))


def test_an_endpoint_that_is_not_there_is_named(api: EmbeddingApi) -> None:
    url = unused_url()

    with pytest.raises(ModelUnavailableError, match=f"{url}/embeddings cannot be reached"):
        load_embedder("toy", options(url, KEY))


def test_no_redirect_takes_the_key_elsewhere(api: EmbeddingApi) -> None:
    api.refusals = [Refusal(307, headers={"Location": f"{api.url}/embeddings"})]

    with pytest.raises(ModelUnavailableError, match="answered 307"):
        load_embedder("toy", options(api.url, KEY))
    assert len(api.bodies) == 1


def test_a_model_must_be_named() -> None:
    with pytest.raises(ModelUnavailableError, match="openai:MODEL"):
        load_embedder("", options("http://127.0.0.1:1/v1"))


def test_an_endpoint_that_asks_to_come_again_soon_is_asked_again(api: EmbeddingApi, load: Any) -> None:
    embedder = load()
    api.refusals = [Refusal(429, headers={"Retry-After": "0"})]

    assert embedder.embed(["text"]).shape == (1, 64)
    assert len(api.bodies) == 3


@pytest.mark.parametrize(
    ("again", "requests"),
    [("0", 2), ("3600", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1)],
)
def test_it_is_asked_again_once_and_never_after_a_long_pause(
    api: EmbeddingApi, load: Any, again: str, requests: int
) -> None:
    embedder = load()
    api.bodies.clear()
    api.refusals = [Refusal(429, headers={"Retry-After": again})] * 2

    assert "answered 429" in str(refusal(api, embedder))
    assert len(api.bodies) == requests


def test_a_query_waits_for_a_hanging_endpoint_once_and_the_next_not_at_all(api: EmbeddingApi, load: Any) -> None:
    """Each would hold up a search that has its answer by keyword already."""
    embedder = load(query_s=0.1)
    api.free.clear()
    with pytest.raises(ModelUnavailableError):
        embedder.embed_query("first")

    with pytest.raises(ModelUnavailableError, match="failed a moment ago"):
        embedder.embed_query("second")

    assert len(api.bodies) == 2


def test_the_limit_of_a_query_is_for_all_of_its_answer(api: EmbeddingApi, load: Any) -> None:
    """An HTTP client's own limits are for each read, so an answer that comes byte by byte keeps within them."""
    embedder = load(query_s=0.2)
    api.drips = True

    with pytest.raises(ModelUnavailableError, match=r"did not answer within 0\.2 s"):
        embedder.embed_query("anything")


@pytest.mark.parametrize(("texts", "kind"), [(["one", "two"], UnavailableError), (["one"], ModelUnavailableError)])
def test_several_texts_that_take_too_long_may_be_tried_one_by_one(
    api: EmbeddingApi, texts: list[str], kind: type[UnavailableError]
) -> None:
    """A slow machine may manage one where it does not manage eight; one that does not manage one manages none."""
    endpoint = Endpoint(api.url, model="toy", key=None)
    api.free.clear()

    with pytest.raises(UnavailableError, match="did not answer in time") as error:
        endpoint.vectors(texts, within_s=0.05)
    endpoint.close()

    assert type(error.value) is kind


def test_queries_are_sent_again_once_the_endpoint_has_answered(api: EmbeddingApi, load: Any) -> None:
    embedder = load()
    api.refusals = [Refusal(503)]
    with pytest.raises(ModelUnavailableError, match="answered 503"):
        embedder.embed_query("first")

    embedder.embed(["text"])

    np.testing.assert_allclose(embedder.embed_query("second"), meanings(["second"])[0] / 3, atol=1e-6)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/v1", "must be a base address"),
        ("127.0.0.1:11434/v1", "must be a base address"),
        ("http://", "must be a base address"),
        ("http://host:port/v1", "must be a base address"),
        ("http://host/v 1", "must be a base address"),
        ("http://ana:s3cret@host/v1", "no user or password"),
        ("https://host/v1?key=s3cret", "without ? or #"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_at_once(url: str, said: str) -> None:
    with pytest.raises(InvalidError) as refused:
        options(url)

    assert said in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "space at the end "])
def test_a_key_that_no_header_can_carry_is_refused_at_once(key: str) -> None:
    with pytest.raises(InvalidError, match="MEMORY_EMBEDDER_KEY") as refused:
        options("http://host/v1", key)

    assert key not in str(refused.value)


def changed(answer: Any, *rows: list[Any]) -> Any:
    """The first embeddings of `answer` are these."""
    for place, row in zip(answer["data"], rows, strict=False):
        place["embedding"] = row
    return answer
