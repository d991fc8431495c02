"""Search by meaning from a shell, with the real model, and what happens to memories that were kept without one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machines import Machine

MODEL = {"MEMORY_EMBEDDER": "onnx:all-MiniLM-L6-v2"}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "home")
    yield machine
    assert machine.run("stop").code == 0


def test_memories_kept_without_a_model_are_embedded_and_then_found_by_meaning(machine: Machine) -> None:
    for text in ("We deploy on Fridays, only after lunch", "Ana prefers tabs over spaces", "Invoices are sent as PDF"):
        machine.run("add", text)
    machine.run("stop")

    filled = machine.run("backfill-embeddings", env=MODEL)
    assert filled.code == 0
    assert re.fullmatch(r"Embedded \d memor(y|ies); 0 failed, 0 have no embedding\n", filled.out)

    found = machine.run("search", "release schedule", env=MODEL)
    assert found.out.splitlines()[0].endswith("\tWe deploy on Fridays, only after lunch")
    assert found.err == ""

    name = found.out[:8]
    assert name not in machine.run("similar", name, env=MODEL).out
    assert "ready; all-MiniLM-L6-v2, 384 dimensions" in machine.run("status", env=MODEL).out
