"""What the workflows must keep to, whoever edits them: pins, rights, limits, and scripts that are there.

zizmor and actionlint look for what goes wrong anywhere; this is what holds here.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted([*FOLDER.glob("*.yml"), *(ROOT / ".github" / "actions").glob("*/action.yml")])
WORKFLOWS = [file for file in FILES if file.parent == FOLDER]
SYSTEMS = {"ubuntu-latest", "macos-latest", "windows-latest"}
# Who may prove to others which repository this is, and nothing runs beside it: no clone, no dependency, no test.
PUBLISHERS = {("release", "publish"), ("release", "tag-image"), ("release", "registry"), ("docs", "deploy")}


def parsed(file: Path) -> dict[str, Any]:
    """Any: a file of another program's."""
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for file in WORKFLOWS:
        for name, job in parsed(file)["jobs"].items():
            yield file.stem, name, job


JOBS = [pytest.param(*job, id=f"{job[0]}: {job[1]}") for job in jobs()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_its_hash_and_says_its_version(file: Path) -> None:
    for line in file.read_text(encoding="utf-8").splitlines():
        if "uses:" in line and "uses: ./" not in line:
            assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$", line), line


def test_an_action_has_one_hash_everywhere() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in FILES)
    used = {name: set() for name in re.findall(r"uses: ([\w./-]+)@", text)}
    for name, pin in re.findall(r"uses: ([\w./-]+)@(.+)", text):
        used[name].add(pin)

    assert {name: pins for name, pins in used.items() if len(pins) > 1} == {}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_do_nothing_unless_a_job_says_so(file: Path) -> None:
    assert parsed(file)["permissions"] == {}
    assert "pull_request_target" not in file.read_text(encoding="utf-8")
    assert "secrets." not in file.read_text(encoding="utf-8"), "no token is stored anywhere"


@pytest.mark.parametrize(("workflow", "name", "job"), JOBS)
def test_a_job_ends_by_itself_and_leaves_no_credentials_in_the_clone(
    workflow: str, name: str, job: dict[str, Any]
) -> None:
    assert 0 < job["timeout-minutes"] <= 90
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_only_jobs_that_publish_prove_who_they_are_and_they_do_nothing_else() -> None:
    proving = {(workflow, name) for workflow, name, job in jobs() if "id-token" in job.get("permissions", {})}

    assert proving <= PUBLISHERS
    for workflow, name, job in jobs():
        if (workflow, name) in proving:
            used = [step.get("uses", "") for step in job["steps"]]
            assert not any(action.startswith(("actions/checkout@", "astral-sh/setup-uv@", "./")) for action in used)


def test_packages_are_published_from_an_environment_after_they_were_tried() -> None:
    publish = parsed(FOLDER / "release.yml")["jobs"]["publish"]

    assert publish["environment"] == "pypi"
    assert publish["permissions"] == {"id-token": "write"}
    assert set(publish["needs"]) == {"build", "try"}
    assert [step["uses"].partition("@")[0] for step in publish["steps"]] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]
    members = {folder.name.removeprefix("memory-") for folder in (ROOT / "packages").iterdir()}
    assert set(publish["strategy"]["matrix"]["package"]) == members


@pytest.mark.parametrize(("workflow", "name", "job"), JOBS)
def test_the_scripts_that_a_job_runs_are_there(workflow: str, name: str, job: dict[str, Any]) -> None:
    commands = "\n".join(step.get("run", "") for step in job["steps"])
    for script in re.findall(r"(?<![\w/])(?:scripts|benchmarks|\.ci)/[\w./-]+", commands):
        assert (ROOT / script).is_file(), script
        assert os.access(ROOT / script, os.X_OK) or os.name == "nt", script
    for module in re.findall(r"python -m (benchmarks[\w.]*)", commands):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


@pytest.mark.parametrize(("workflow", "name", "job"), JOBS)
def test_scripts_of_bash_run_where_bash_is(workflow: str, name: str, job: dict[str, Any]) -> None:
    systems = job.get("strategy", {}).get("matrix", {}).get("os", [job["runs-on"]])
    if "windows-latest" in systems:
        for step in job["steps"]:
            assert step.get("shell") == "bash" or not re.search(r"\$\w|[|]|mkdir|\.ci/", step.get("run", ""))


def test_the_tests_run_on_every_system_and_python_that_the_packages_name() -> None:
    core = tomllib.loads((ROOT / "packages/memory-core/pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {found[1] for text in core["classifiers"] if (found := re.search(r"Python :: (3\.\d+)$", text))}
    matrix = parsed(FOLDER / "ci.yml")["jobs"]["test"]["strategy"]["matrix"]

    assert set(product(matrix["os"], matrix["python"])) == set(product(SYSTEMS, named))
    assert f">={min(named, key=lambda version: int(version[2:]))}" == core["requires-python"]


def test_ci_is_green_only_if_every_job_is() -> None:
    ci = parsed(FOLDER / "ci.yml")["jobs"]
    last = ci["ci-ok"]

    assert set(last["needs"]) == ci.keys() - {"ci-ok"}
    assert last["if"] == "always()", "a job that is skipped counts as passed"


def test_a_failed_night_is_reported_whatever_failed() -> None:
    nightly = parsed(FOLDER / "nightly.yml")["jobs"]

    assert set(nightly["report"]["needs"]) == nightly.keys() - {"report"}
