"""A real server process on a port of its own, with a key and without limits; what it takes of processor and memory."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEY = "benchmark"
_READY = re.compile(r"listening on http://([\w.]+):(\d+)")
_START_S = 120.0
_STOP_S = 120.0
_KEPT_S = 2.0  # the server closes a connection on which nothing was asked for 5 s


class Server:
    def __init__(self, data_dir: Path, models: Path, *, program: str = "memory_server") -> None:
        """Returns when it answers; `listening_s` after the process was started. The model may still be loading.

        `program` is the module that is run; it takes the same flags, and says the same when it listens.
        """
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("MEMORY_", "OPENBLAS_"))}
        settings = {
            "MEMORY_API_KEY": KEY,
            "MEMORY_LIMIT_READS": "off",
            "MEMORY_LIMIT_WRITES": "off",
            "MEMORY_MODEL_DOWNLOAD": "false",
            "MEMORY_MODEL_CACHE": str(models.resolve()),
        }
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", program, "--port", "0", "--data-dir", str(data_dir.resolve())],
            cwd=ROOT,  # where programs of these benchmarks are found
            env=clean | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        watchdog = threading.Timer(_START_S, self._process.kill)
        watchdog.start()
        assert self._process.stdout is not None
        found = next((match for line in self._process.stdout if (match := _READY.search(line))), None)
        watchdog.cancel()
        if found is None:
            raise RuntimeError(f"{program} ended with {self._process.wait()} before it was ready")
        self._address = found[1], int(found[2])
        with self.connected() as client:
            client.get("/health")
        self.listening_s = time.perf_counter() - started

    @property
    def port(self) -> int:
        return self._address[1]

    @contextlib.contextmanager
    def connected(self) -> Iterator["Client"]:
        client = Client(*self._address)
        try:
            yield client
        finally:
            client.close()

    def cpu_s(self) -> float:
        """Of all its threads since its start, in steps of 10 ms."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self, name: str = "VmRSS") -> float:
        """`VmHWM` is the highest so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition(f"{name}:")[2].split()[0]) / 1024

    def forget_peak(self) -> None:
        """`VmHWM` begins anew at what it is now."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def settle(self) -> None:
        """Until the model is there and everything has its embedding."""
        with self.connected() as client:
            while True:
                embedding = client.get("/health")["embedding"]
                if embedding["state"] == "ready" and not embedding["pending"]:
                    return
                time.sleep(0.1)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()


class Client:
    """One connection that is kept; not for several threads."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=600)
        self._answered = time.monotonic()

    def get(self, path: str) -> Any:  # Any: JSON
        return self._answer("GET", path, None, "application/json")

    def post(self, path: str, body: object) -> Any:
        return self._answer("POST", path, json.dumps(body).encode(), "application/json")

    def post_parquet(self, path: str, body: bytes) -> Any:
        return self._answer("POST", path, body, "application/vnd.apache.parquet")

    def _answer(self, method: str, path: str, body: bytes | None, media: str) -> Any:
        if time.monotonic() - self._answered > _KEPT_S:
            self._connection.close()  # the next request opens it again
        self._connection.request(method, path, body, {"Content-Type": media, "X-API-Key": KEY})
        answer = self._connection.getresponse()
        content = answer.read()
        self._answered = time.monotonic()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} was answered with {answer.status}: {content.decode()}")
        return json.loads(content)

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def running(data_dir: Path, models: Path) -> Iterator[Server]:
    server = Server(data_dir, models)
    try:
        yield server
    finally:
        server.close()


def drop_from_page_cache(file: Path) -> None:
    """The next reader finds nothing of it in memory. The file must be closed and written."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
