"""One server with a public address for all tests of this folder, and a connector that calls it."""

import itertools
from collections.abc import Iterator

import httpx
import pytest

from support.connectors import Connector, oauth_server
from support.servers import RunningServer
from support.sockets import free_port

_NUMBERS = itertools.count()


@pytest.fixture(scope="package")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with oauth_server(tmp_path_factory.mktemp("oauth") / "data", free_port()) as running:
        yield running


@pytest.fixture
def browser(public: RunningServer) -> Iterator[httpx.Client]:
    """At an address of its own, by which wrong keys are counted, as behind a proxy."""
    address = f"198.51.100.{next(_NUMBERS) % 250}"
    with httpx.Client(base_url=public.url, headers={"X-Forwarded-For": address}, timeout=60) as client:
        yield client


@pytest.fixture
def connector(public: RunningServer, browser: httpx.Client) -> Connector:
    return Connector(browser, public.url)
