"""A real server process on one folder, to be started, killed and started again."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

_READY = re.compile(r"listening on http://[\w.]+:(\d+)")
_START_S = 120.0
_STOP_S = 120.0


class DidNotStartError(RuntimeError):
    pass


class Server:
    """Ready when made. Raises DidNotStartError, with what the process said."""

    def __init__(self, data_dir: Path, *, embedder: str, models: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
        settings = {
            "MEMORY_EMBEDDER": embedder,
            "MEMORY_MODEL_CACHE": str(models),
            "MEMORY_MODEL_DOWNLOAD": "false",
            "MEMORY_LIMIT_READS": "off",
            "MEMORY_LIMIT_WRITES": "off",
        }
        self.log = data_dir.with_name(f"{data_dir.name}.log")
        started = time.perf_counter()
        with self.log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "memory_server", "--port", "0", "--data-dir", str(data_dir)],
                env=clean | settings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        watchdog = threading.Timer(_START_S, self._process.kill)
        watchdog.start()
        assert self._process.stdout is not None
        with self._process.stdout as said:
            found = next((match for line in said if (match := _READY.search(line))), None)
        watchdog.cancel()
        if found is None:
            code = self._process.wait()
            raise DidNotStartError(f"memory-server ended with {code}: {self.log.read_text(encoding='utf-8')[-2000:]}")
        self.port = int(found[1])
        self.started_s = time.perf_counter() - started

    def get(self, path: str) -> Any:  # Any: JSON
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return json.load(answer)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """As systemd and a container engine do it; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
