"""An embedding endpoint of a test's own."""

from collections.abc import Iterator

import pytest

from support.embedding_api import EmbeddingApi, running_embedding_api


@pytest.fixture
def api() -> Iterator[EmbeddingApi]:
    with running_embedding_api() as running:
        yield running
