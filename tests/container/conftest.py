"""What runs the image for real. Only scripts/dev/container, which has built it, brings these tests an engine."""

import os
from collections.abc import Iterator

import pytest

from support.containers import Container, Engine

if "CONTAINER_ENGINE" not in os.environ:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(
        command=os.environ["CONTAINER_ENGINE"],
        compose=tuple(os.environ["CONTAINER_COMPOSE"].split()),
        image=os.environ["CONTAINER_IMAGE"],
    )


@pytest.fixture
def volume(engine: Engine) -> Iterator[str]:
    with engine.volume() as name:
        yield name


@pytest.fixture(scope="module")
def container(engine: Engine) -> Iterator[Container]:
    """One server for the tests that only look."""
    with engine.volume() as name, engine.running(name) as running:
        yield running
