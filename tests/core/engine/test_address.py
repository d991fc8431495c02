"""What cannot be an endpoint's address or key is refused before anything starts, and never repeated."""

from pathlib import Path

import pytest

from memory_core.engine.ports import EmbedderOptions
from memory_core.errors import InvalidError


def refusal(*, url: str | None = None, key: str | None = None) -> str:
    with pytest.raises(InvalidError) as refused:
        EmbedderOptions(cache_dir=Path("unused"), download=False, threads=1, url=url, api_key=key)
    return str(refused.value)


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
def test_an_address_that_cannot_be_right_is_refused(url: str, said: str) -> None:
    sentence = refusal(url=url)

    assert said in sentence
    assert "MEMORY_EMBEDDER_URL" in sentence
    assert "s3cret" not in sentence


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "space at the end "])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    sentence = refusal(key=key)

    assert "MEMORY_EMBEDDER_KEY" in sentence
    assert key not in sentence
