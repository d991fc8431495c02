"""`memory-server export-model` looks where a server of this machine would, and leaves the server's own flags alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.platforms import home_of
from support.servers import environment


def run(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "memory_server", *args]
    return subprocess.run(command, env=environment(env), capture_output=True, text=True, timeout=90, check=False)


def looked_in(*args: str, env: dict[str, str] | None = None) -> Path:
    """Where a model that is nowhere was looked for first."""
    ended = run(*args, env=env)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("memory-server: The model acme/nothing is neither in ")
    return Path(line.split("neither in ", 1)[1].split(" nor ", 1)[0]).parent


def test_models_are_looked_for_where_the_server_looks(tmp_path: Path) -> None:
    export = ("export-model", "acme/nothing", str(tmp_path / "x"))
    a, b, c = (str(tmp_path / name) for name in "abc")

    assert looked_in(*export, env=home_of(tmp_path)) == tmp_path / ".claude-memory" / "models"
    assert looked_in(*export, env={"MEMORY_DATA_DIR": a}) == Path(a, "models")
    assert looked_in(*export, "--data-dir", b, env={"MEMORY_DATA_DIR": a}) == Path(b, "models")
    assert looked_in("--data-dir", b, *export) == Path(b, "models")
    assert looked_in(*export, "--data-dir", b, "--model-cache", c) == Path(c)
    assert not (tmp_path / "x").exists()


def test_no_download_goes_before_the_environment(tmp_path: Path) -> None:
    export = ("export-model", "acme/nothing", str(tmp_path / "x"), "--model-cache", str(tmp_path / "models"))

    ended = run(*export, "--no-download", env={"MEMORY_MODEL_DOWNLOAD": "true"})

    assert "downloading is switched off" in ended.stderr


@pytest.mark.parametrize("args", [("export-model",), ("export-model", "a", "b", "--precision", "int4"), ("improve",)])
def test_a_wrong_command_line_is_a_wrong_setting(args: tuple[str, ...]) -> None:
    assert run(*args).returncode == 2


def test_help_names_the_command_and_its_options() -> None:
    assert "export-model" in run("--help").stdout
    assert "--precision {fp32,int8}" in run("export-model", "--help").stdout
