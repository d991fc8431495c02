"""What an endpoint answers: which answers are believed, what each failure says, and that none gives the key away."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from memory_core.engine.embedders.endpoint import Endpoint
from memory_core.errors import ModelUnavailableError, UnavailableError
from support.embedding_api import EmbeddingApi, Refusal, meanings, unused_url

KEY = "sk-s3cret"
TEXT = "the text of a memory"


@pytest.fixture
def endpoint(api: EmbeddingApi) -> Iterator[Endpoint]:
    opened = Endpoint(api.url, model="toy", key=KEY)
    yield opened
    opened.close()


def refusal(endpoint: Endpoint, texts: Sequence[str] = (TEXT,), *, quote: bool = False) -> UnavailableError:
    """It names the endpoint, and neither the key nor the text."""
    with pytest.raises(UnavailableError) as refused:
        endpoint.vectors(texts, quote=quote)
    sentence = str(refused.value)
    assert sentence.startswith(endpoint.url)
    assert KEY not in sentence
    assert TEXT not in sentence
    return refused.value


def changed(answer: Any, *rows: list[Any]) -> Any:
    """The first embeddings of `answer` are these."""
    for place, row in zip(answer["data"], rows, strict=False):
        place["embedding"] = row
    return answer


def test_rows_come_in_the_order_of_the_texts(endpoint: Endpoint) -> None:
    """This endpoint answers in another."""
    texts = ["one", "two", "three"]

    np.testing.assert_allclose(endpoint.vectors(texts), meanings(texts))


def test_a_server_of_this_machine_is_not_looked_for_behind_a_proxy(
    api: EmbeddingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", unused_url())
    monkeypatch.delenv("NO_PROXY", raising=False)
    endpoint = Endpoint(api.url, model="toy", key=None)

    assert endpoint.vectors([TEXT]).shape == (1, 64)
    endpoint.close()


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
    ],
)
def test_an_answer_that_holds_no_vectors_is_not_believed(
    api: EmbeddingApi, endpoint: Endpoint, spoil: Callable[[Any], object], said: str
) -> None:
    api.spoil = spoil

    assert said in str(refusal(endpoint, ["one", "two"]))


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
    api: EmbeddingApi, endpoint: Endpoint, status: int, said: str
) -> None:
    """The queue then waits for it, and puts no memory aside."""
    api.refusals = [Refusal(status, f"{KEY} {TEXT}")]

    error = refusal(endpoint)

    assert isinstance(error, ModelUnavailableError)
    assert said in str(error)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, '{"error": {"message": "This model\'s maximum context length is 8192 tokens"}}'),
        (400, '{"error": "the input length exceeds the context length"}'),
        (413, '{"error": "Input validation error"}'),
        (500, '{"error": {"message": "input is too large to process. increase the physical batch size"}}'),
    ],
)
def test_a_text_that_is_too_long_says_what_to_choose(
    api: EmbeddingApi, endpoint: Endpoint, status: int, body: str
) -> None:
    api.refusals = [Refusal(status, body)]

    error = refusal(endpoint)

    assert "a text of 20 characters is too long for toy; choose a model with a longer context" in str(error)
    assert not isinstance(error, ModelUnavailableError)


def test_what_a_server_says_of_a_memory_is_not_repeated(api: EmbeddingApi, endpoint: Endpoint) -> None:
    api.refusals = [Refusal(422, f"the input was: {TEXT}")]

    assert not isinstance(refusal(endpoint), ModelUnavailableError)


def test_what_it_says_of_a_text_of_no_one_is_shown_without_the_key(api: EmbeddingApi, endpoint: Endpoint) -> None:
    api.refusals = [Refusal(400, f"encoding_format\nis unknown, {KEY}")]

    assert "answered 400: encoding_format is unknown, …" in str(refusal(endpoint, quote=True))


def test_no_redirect_takes_the_key_elsewhere(api: EmbeddingApi, endpoint: Endpoint) -> None:
    api.refusals = [Refusal(307, headers={"Location": f"{api.url}/embeddings"})]

    assert "answered 307" in str(refusal(endpoint))
    assert len(api.bodies) == 1


def test_one_that_asks_to_come_again_soon_is_asked_again(api: EmbeddingApi, endpoint: Endpoint) -> None:
    api.refusals = [Refusal(429, headers={"Retry-After": "0"})]

    assert endpoint.vectors([TEXT]).shape == (1, 64)
    assert len(api.bodies) == 2


@pytest.mark.parametrize(("again", "requests"), [("0", 2), ("3600", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1)])
def test_it_is_asked_again_once_and_never_after_a_long_pause(
    api: EmbeddingApi, endpoint: Endpoint, again: str, requests: int
) -> None:
    api.refusals = [Refusal(429, headers={"Retry-After": again})] * 2

    assert "answered 429" in str(refusal(endpoint))
    assert len(api.bodies) == requests


@pytest.mark.parametrize(("texts", "kind"), [(["one", "two"], UnavailableError), (["one"], ModelUnavailableError)])
def test_several_texts_that_take_too_long_may_be_tried_one_by_one(
    api: EmbeddingApi, endpoint: Endpoint, texts: list[str], kind: type[UnavailableError]
) -> None:
    """A slow machine may manage one where it does not manage eight; one that does not manage one manages none."""
    api.free.clear()

    with pytest.raises(UnavailableError, match="did not answer in time") as error:
        endpoint.vectors(texts, within_s=0.05)

    assert type(error.value) is kind
