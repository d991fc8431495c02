"""How long an agent's hook would wait here: a start of memory-client with one question, and a question alone."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping

from memory_cli.doctor.findings import Finding, ok, warning
from memory_client.errors import ClientError
from memory_client.target import LOCAL, Target
from memory_client.transport import Transport

BUDGET_MS = 150
"""What a hook that runs at every prompt may take before a person notices."""

ROUNDS = 5
_PATIENCE_S = 20.0
_INITIALIZE = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
    b'"capabilities":{},"clientInfo":{"name":"claude-memory doctor","version":"1"}}}\n'
)


def hooks(target: Target, url: str, environ: Mapping[str, str]) -> Finding:
    """Measured, so that it only ever warns: another moment has another answer."""
    transport = Transport(url, headers={}, proxy=target.proxy)
    try:
        alone_ms = _median(lambda: _ask(transport))
        whole_ms = _median(lambda: _start(target, environ))
    except (ClientError, OSError) as error:
        return warning("hooks", f"could not be measured: {error}")
    finally:
        transport.close()
    what = f"a start of memory-client with a question takes {whole_ms:.0f} ms, a question alone {alone_ms:.0f} ms"
    if whole_ms <= BUDGET_MS:
        return ok("hooks", what)
    why = "the server is far or busy" if alone_ms > BUDGET_MS / 2 else "starting a program is slow on this machine"
    return warning("hooks", f"{what}, more than the {BUDGET_MS} ms that a prompt should wait: {why}")


def _median(measured: Callable[[], None]) -> float:
    def once() -> float:
        begun = time.perf_counter()
        measured()
        return (time.perf_counter() - begun) * 1000

    return statistics.median(once() for _ in range(ROUNDS))


def _ask(transport: Transport) -> None:
    with transport.request("GET", "/health", timeout_s=_PATIENCE_S) as answer:
        answer.read()


def _start(target: Target, environ: Mapping[str, str]) -> None:
    """Until the first answer; raises OSError where none comes."""
    place = {"MEMORY_SERVER": target.url or LOCAL, "MEMORY_DATA_DIR": target.data_dir}
    env = {**environ, **place, "MEMORY_API_KEY": target.key or "", "MEMORY_API_KEY_FILE": ""}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "memory_client"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
        cwd=os.sep,
    ) as client:
        watchdog = threading.Timer(_PATIENCE_S, client.kill)
        watchdog.start()
        try:
            if client.stdin is None or client.stdout is None:
                raise OSError("no pipes")
            client.stdin.write(_INITIALIZE)
            client.stdin.flush()
            if not client.stdout.readline():
                raise OSError("memory-client gave no answer")
        finally:
            watchdog.cancel()
            client.kill()
