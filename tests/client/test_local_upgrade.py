"""A store that takes long to bring up to date: the server that does it is let be, and the caller is told to wait."""

from pathlib import Path

import pytest

from memory_client import __version__, local, starting
from memory_client.errors import UnreachableError
from memory_core.files import FileLock
from support.servers import environment


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / ".memories.duckdb.upgrade").touch()
    return folder


def test_whoever_comes_while_a_store_is_brought_up_to_date_is_told_so(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_HANDOVER_TIMEOUT_S", 0.0)
    lock = FileLock(data_dir / "server.lock")
    assert lock.acquire()

    with pytest.raises(UnreachableError, match="is bringing its store up to date"):
        local.connect(str(data_dir), version=__version__)

    lock.release()


def test_a_server_that_brings_its_store_up_to_date_is_not_ended_for_taking_long(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "START_TIMEOUT_S", 0.0)

    with pytest.raises(UnreachableError, match="is bringing its store up to date"):
        local.connect(str(data_dir), version=__version__)

    monkeypatch.setattr(starting, "START_TIMEOUT_S", 60.0)
    monkeypatch.setattr(starting, "_HANDOVER_TIMEOUT_S", 60.0)
    (data_dir / ".memories.duckdb.upgrade").unlink(missing_ok=True)
    assert local.connect(str(data_dir), version=__version__).url, "the one that was started goes on, and is found"
    local.stop(str(data_dir))
