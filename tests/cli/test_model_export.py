"""`claude-memory model export`: a folder that a server then searches with, or one sentence that says why not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machines import Machine

pytestmark = pytest.mark.slow


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "home")
    yield machine
    assert machine.run("stop").code == 0


def test_an_int8_export_is_what_a_server_finds_by_meaning_with(machine: Machine) -> None:
    for text in ("We deploy on Fridays, only after lunch", "Ana prefers tabs over spaces", "Invoices are sent as PDF"):
        machine.run("add", text)
    machine.run("stop")

    exported = machine.run("model", "export", "all-MiniLM-L6-v2", "small", "--precision", "int8")

    assert (exported.code, exported.err) == (0, "")
    folder = machine.folder / "small"
    name, value = exported.out.splitlines()[-1].split("  ", 1)
    assert (name, value.strip()) == ("use it with", f"MEMORY_EMBEDDER=onnx:{folder}")
    model = {"MEMORY_EMBEDDER": f"onnx:{folder}"}
    assert machine.run("backfill-embeddings", env=model).code == 0
    found = machine.run("search", "release schedule", env=model)
    assert found.out.splitlines()[0].endswith("\tWe deploy on Fridays, only after lunch")
    assert found.code == 0
    assert "ready; small, 384 dimensions" in machine.run("status", env=model).out


def test_the_report_is_there_for_programs_and_a_second_export_is_refused(machine: Machine) -> None:
    command = ("--json", "model", "export", "all-MiniLM-L6-v2", "exact")

    report = machine.run(*command).json
    again = machine.run(*command)

    assert (report["folder"], report["precision"]) == (str(machine.folder / "exact"), "fp32")
    assert report["largest_difference"] <= 1e-4
    assert (again.code, again.out) == (2, "")
    assert again.err == (
        f"memory-server: {machine.folder / 'exact'} is there already and is no empty folder; "
        "name one that does not exist yet\n"
    )


def test_a_model_that_is_not_here_is_looked_for_in_the_cache_that_was_named(machine: Machine) -> None:
    ran = machine.run("model", "export", "acme/nothing", "x", "--model-cache", machine.home / "models", "--no-download")

    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert f"neither in {machine.home}/models/acme--nothing" in ran.err
    assert "downloading is switched off" in ran.err
    assert not (machine.folder / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("model", "export"), ("NAME",)),
        (("model", "export", "a", "b", "--precision", "int4"), ("int4", "fp32", "int8")),
        (("model", "improve"), ("improve", "export")),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(
    machine: Machine, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    ran = machine.run(*arguments)

    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    for word in words:
        assert word in ran.err


def test_help_says_what_it_is_for(machine: Machine) -> None:
    assert " model " in machine.run("--help").out
    assert "export" in machine.run("model", "--help").out
    assert "MEMORY_EMBEDDER=onnx:FOLDER" in machine.run("model", "export", "--help").out
