"""The rehearsal of an installation, as far as it can be told apart from one; scripts/dev/wheels runs the whole."""

import hashlib
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "scripts" / "dev" / "smoke.py"
sys.path.insert(0, str(SMOKE.parent))

from simple_index import serving  # noqa: E402 - after the path it is found on


def smoke(dist: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SMOKE), str(dist)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_folder_without_wheels_or_with_those_of_two_versions_is_one_sentence(tmp_path: Path) -> None:
    assert smoke(tmp_path).stderr == f"smoke: {tmp_path} has wheels of no version; it takes those of one\n"

    for version in ("1.0.0", "2.0.0"):
        (tmp_path / f"memory_core-{version}-py3-none-any.whl").touch()
    assert smoke(tmp_path).stderr == f"smoke: {tmp_path} has wheels of 1.0.0, 2.0.0; it takes those of one\n"


def test_the_index_names_each_file_with_its_digest_and_gives_it(tmp_path: Path) -> None:
    wheel = tmp_path / "memory_core-1.0.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")

    with serving(tmp_path) as index:
        page = urllib.request.urlopen(f"{index}memory-core/").read().decode()
        given = urllib.request.urlopen(f"{index}memory-core/{wheel.name}").read()

    assert f'href="{wheel.name}#sha256={hashlib.sha256(b"a wheel").hexdigest()}"' in page
    assert given == b"a wheel"


def test_no_two_indexes_have_the_same_address(tmp_path: Path) -> None:
    """uv keeps what it got from an address, and would take it for what another run has built."""
    with serving(tmp_path) as one, serving(tmp_path) as other:
        assert one.rsplit("/", 2)[1] != other.rsplit("/", 2)[1]
