"""Many clients at once: a few seconds of what `python -m benchmarks.load` does for minutes."""

from pathlib import Path

import pytest

from benchmarks.load import report
from benchmarks.load.clients import HEALTH
from benchmarks.load.contenders import THIS, Contender, contender, ground
from benchmarks.load.mix import KINDS
from support.platforms import linux_only

pytestmark = linux_only("what the server takes is read from /proc")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_eight_clients_at_once_get_no_error_and_lose_no_write_even_if_the_server_is_killed(tmp_path: Path) -> None:
    this = contender(THIS, ground(tmp_path, memories=500))
    try:
        load = this.run(seconds=4, clients=8, seed=1)

        assert this.errors == []
        assert all(load.outcome.ms[kind] for kind in (*KINDS, HEALTH)), "not every kind of request was made"
        assert this.read_back() == len(this.kept) > 0

        this.kill_and_start()

        assert this.read_back() == len(this.kept)
        assert "0 errors" in report.line(1, load)
    finally:
        this.server.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_was_lost_or_changed_is_seen(tmp_path: Path) -> None:
    """A proof that could not fail would prove nothing."""
    this: Contender = contender(THIS, ground(tmp_path, memories=10))
    try:
        with this.server.connected() as client:
            known = client.post("/memories", {"content": "not what the load wrote"})["id"]
        this.kept = {known: 1, "0123456789abcdef0123456789abcdef": 2}

        assert this.read_back() == 0
        assert sorted(error.partition(":")[0] for error in this.errors) == ["changed", "lost"]
    finally:
        this.server.close()
