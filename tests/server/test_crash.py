"""kill -9 while clients write through REST and MCP: a few rounds of what `python -m benchmarks.crash` does for long."""

import contextlib
import random
from pathlib import Path

import pytest

from benchmarks.crash.checking import as_acknowledged, none_twice
from benchmarks.crash.ledger import Kept, Ledger, State
from benchmarks.crash.rounds import Rounds


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_killing_the_server(tmp_path: Path) -> None:
    """With the real model, so that the vectors have to keep up too."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    with contextlib.closing(
        Rounds(tmp_path, seed=seed, writers=3, embedder="onnx:all-MiniLM-L6-v2", longest_s=1.0)
    ) as rounds:
        for number in range(3):
            assert rounds.run(number).complaints == []
        assert rounds.finish() == []


ONE = State(content="bcdf ghjk we deploy", tags=("a",))
OTHER = State(content="bcdf lmnp we deploy", tags=("a",))


def kept() -> Ledger:
    return Ledger(kept={"bcdf": Kept("1", ONE)})


def as_listed(state: State) -> dict[str, object]:
    return {"id": "1", "content": state.content, "tags": list(state.tags), "deleted_at": None}


def test_the_comparison_sees_what_is_lost_changed_twice_or_from_nowhere() -> None:
    """A proof that could not fail would prove nothing."""
    assert as_acknowledged({"bcdf": as_listed(ONE)}, [kept()]) == []
    assert "is None" in as_acknowledged({}, [kept()])[0]
    assert "is State" in as_acknowledged({"bcdf": as_listed(OTHER)}, [kept()])[0]
    assert "never written" in as_acknowledged({"bcdf": as_listed(ONE)}, [Ledger()])[0]
    assert len(none_twice([as_listed(ONE), as_listed(ONE)])) == 2


@pytest.mark.parametrize("there", [ONE, OTHER])
def test_what_was_not_answered_may_be_done_or_not(there: State) -> None:
    ledger = kept()
    ledger.unsure["bcdf"] = OTHER

    assert as_acknowledged({"bcdf": as_listed(there)}, [ledger]) == []
    assert ledger.kept["bcdf"].state == there
    assert ledger.unsure == {}
