"""What the wheel tells a client before it has met its server is what the server says."""

import subprocess
import sys
from pathlib import Path


def test_the_snapshot_in_the_wheel_is_what_the_server_says_today() -> None:
    script = Path(__file__).parents[2] / "scripts" / "dev" / "snapshot.py"
    checked = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
