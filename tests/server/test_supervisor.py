"""What systemd hears from a real server: ready when it answers, signs of life, and that it leaves."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.platforms import linux_only, posix_only
from support.servers import running_server

pytestmark = posix_only("systemd is told through a Unix socket")


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    # Not tmp_path: the address of a Unix socket has 108 bytes at most.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"{folder}/notify")
        listener.settimeout(60)
        yield listener


def test_a_server_says_that_it_is_ready_that_it_lives_and_that_it_leaves(
    manager: socket.socket, tmp_path: Path
) -> None:
    env = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "300000"}
    with running_server(tmp_path / "data", env=env) as server:
        assert manager.recv(64) == b"READY=1"
        httpx.get(f"{server.url}/health").raise_for_status()
        assert [manager.recv(64) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        assert server.stop() == 0

        heard = manager.recv(64)
        while heard == b"WATCHDOG=1":
            heard = manager.recv(64)
        assert heard == b"STOPPING=1"


@linux_only("addresses without a file are known there alone")
def test_an_address_without_a_file_is_understood(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")  # the kernel chooses one
        listener.settimeout(60)
        address = "@" + listener.getsockname()[1:].decode()
        with running_server(tmp_path / "data", env={"NOTIFY_SOCKET": address}):
            assert listener.recv(64) == b"READY=1"


def test_nobody_listening_is_no_trouble(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", env={"NOTIFY_SOCKET": str(tmp_path / "gone")}) as server:
        assert httpx.get(f"{server.url}/health").status_code == 200
