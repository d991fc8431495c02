"""What all tests share: Hypothesis sets no time limit for an example, because a machine may be busy with others.

The suites in `contract` run on parts of other packages too: see docs/adding-a-store.md and docs/adding-an-embedder.md.
"""

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--store", default="duckdb", help="what tests/contract keeps memories in, as MEMORY_STORE says it")
    parser.addoption("--embedder", help="what tests/contract/test_embedder.py is about, as MEMORY_EMBEDDER says it")
