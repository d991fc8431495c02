"""Choosing the embedding model from a shell: what is in use, what follows, and what happens when it cannot be had."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machines import Machine

pytestmark = pytest.mark.slow


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Its settings name no embedder, so that one can be chosen."""
    machine = Machine(tmp_path / "home", MEMORY_EMBEDDER="", MEMORY_PROJECT="p")
    for text in ("We deploy on Fridays, only after lunch", "Ana prefers tabs over spaces"):
        assert machine.run("add", text).code == 0
    yield machine
    assert machine.run("stop").code == 0


def test_the_model_in_use_is_listed_with_what_is_known_of_it(machine: Machine) -> None:
    machine.run("backfill-embeddings")

    (line,) = machine.run("model", "list").out.splitlines()
    shown = machine.run("model", "info").out

    assert line.split() == ["current", "onnx:all-MiniLM-L6-v2", "384", "dimensions", "2", "embedded", "90.9", "MB"]
    assert "reads at once  256 tokens" in shown
    assert machine.run("model", "info", "onnx:nothing").code == 3


def test_another_model_takes_over_and_is_remembered(machine: Machine) -> None:
    machine.run("backfill-embeddings")
    machine.run("model", "export", "all-MiniLM-L6-v2", "small", "--precision", "int8")
    small = f"onnx:{machine.folder / 'small'}"

    used = machine.run("model", "use", small)

    assert (used.code, used.out) == (0, f"Search by meaning goes by {small} now\n")
    assert "Fridays" in machine.run("search", "when do we release?", "-m", "semantic").out.splitlines()[0]
    machine.run("stop")
    status = json.loads(machine.run("--json", "model", "list").out)["embedding"]
    assert status["embedder"] == small


def test_none_switches_it_off_and_a_name_on_again(machine: Machine) -> None:
    off = machine.run("model", "use", "none")
    by_words = machine.run("search", "release schedule", "-m", "semantic")
    on = machine.run("model", "use", "onnx:all-MiniLM-L6-v2")

    assert off.out == "Search by meaning is off; search goes by keyword\n"
    assert "search by meaning is off on this server; this is keyword search" in by_words.err
    assert on.out == "Search by meaning goes by onnx:all-MiniLM-L6-v2 now\n"


def test_a_model_that_cannot_be_had_is_said_and_changes_nothing(machine: Machine) -> None:
    machine.run("backfill-embeddings")

    refused = machine.run("model", "use", "onnx:acme/nowhere")
    found = machine.run("search", "release schedule")
    status = machine.run("status")
    back = machine.run("model", "use", "onnx:all-MiniLM-L6-v2")

    assert refused.code == 1
    assert refused.err.startswith("claude-memory: onnx:acme/nowhere cannot be loaded: ")
    assert "onnx:all-MiniLM-L6-v2 goes on" in refused.err
    assert "Fridays" in found.out.splitlines()[0]
    assert "keyword" not in found.err
    assert "degraded" in status.out
    assert "next: onnx:acme/nowhere, not available" in status.out
    assert back.code == 0
    assert "degraded" not in machine.run("status").out


def test_what_names_no_embedder_is_refused(machine: Machine) -> None:
    refused = machine.run("model", "use", "nonsense:x")

    assert refused.code == 2
    assert "there is no embedder 'nonsense'; there are: none, onnx, openai, sentence-transformers" in refused.err


def test_where_the_settings_name_the_embedder_it_is_changed_there(machine: Machine) -> None:
    machine.run("stop")

    refused = machine.run("model", "use", "none", env={"MEMORY_EMBEDDER": "onnx:all-MiniLM-L6-v2"})

    assert refused.code == 1
    assert "change MEMORY_EMBEDDER and restart it" in refused.err
