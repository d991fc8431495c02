"""Requests and messages that nobody thought of: a few seconds of what `scripts/dev/fuzz` does for long.

The seed is fixed, so that a run says something about the change it belongs to; the nightly run takes another each time.
"""

from pathlib import Path

import pytest

from fuzz import mcp, rest
from support.servers import running_server

KEY = "the key of these tests"
SEED = 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_route_answers_whatever_it_is_sent_as_the_document_says(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", api_key=KEY, env=rest.EVERYTHING_ON) as server:
        result = rest.fuzz(server, KEY, examples=10, seed=SEED, folder=tmp_path)
        log = server.log_text()

    assert result.passed, result.said
    assert result.cases > 1_000
    assert "Traceback" not in log


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_broken_mcp_message_is_answered_and_none_is_a_write_unsaid(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", args=["--local"]) as server:
        fuzzed = mcp.fuzz(server, messages=2_000, seed=SEED)
        log = server.log_text()

    assert fuzzed.complaints == []
    assert {"result", "error", "problem", "accepted"} <= fuzzed.answers.keys()
    assert fuzzed.kept > 0, "no message got through, so that nothing was tried behind the door"
    assert "Traceback" not in log
