"""The local server: found if it runs, started if it does not, by whoever needs it first.

It is the ordinary server, on loopback, a process of its own that all windows, hooks and shells of a user share. It
writes `server.json` into its data directory when it listens. Finding costs a file and a request; starting, which costs
imports too, is in `starting`. Everything that can go wrong ends in one sentence (UnreachableError).
"""

import json
import os
import time

from memory_client.errors import SilentError, UnreachableError
from memory_client.transport import Transport
from memory_core.system import end_command, process_exists

STATE_FILE = "server.json"
_PROBE_TIMEOUT_S = 10.0  # a machine under load may take seconds
_STOP_TIMEOUT_S = 30.0


class Endpoint:
    """A running local server: `url` and `key` are what a client needs."""

    __slots__ = ("instance", "key", "pid", "url", "version")

    def __init__(self, *, url: str, key: str, pid: int, version: str, instance: str) -> None:
        self.url = url
        self.key = key
        self.pid = pid
        self.version = version
        self.instance = instance


def find(data_dir: str) -> Endpoint | None:
    """The running server of `data_dir`, asked and found to answer; None if there is none. Starts nothing.

    Raises SilentError if there is one that does not answer.
    """
    endpoint = announced(data_dir)
    return endpoint if endpoint is not None and answers(endpoint) else None


def connect(data_dir: str, *, version: str) -> Endpoint:
    """The running server of `data_dir`, started if need be; replaced if it is older than `version`.

    Raises UnreachableError.
    """
    endpoint = find(data_dir)
    if endpoint is not None and not is_newer(version, endpoint.version):
        return endpoint
    from memory_client import starting  # subprocess and locks: only who starts a server pays for them

    return starting.start(data_dir, version=version)


def stop(data_dir: str) -> bool:
    """Stop the server of `data_dir` and wait until it has left; False if none runs. Raises UnreachableError."""
    endpoint = find(data_dir)
    if endpoint is None:
        return False
    transport = Transport(endpoint.url, headers={"X-API-Key": endpoint.key})
    with transport.request("POST", "/admin/stop", timeout_s=_PROBE_TIMEOUT_S) as answer:
        if answer.status >= 400:
            raise UnreachableError(f"{_named(endpoint)} refuses to stop (status {answer.status})")
        answer.read()
    transport.close()
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while process_exists(endpoint.pid):
        if time.monotonic() > deadline:
            raise UnreachableError(f"{_named(endpoint)} was asked to stop and still runs; see {data_dir}")
        time.sleep(0.01)
    return True


def announced(data_dir: str) -> Endpoint | None:
    """What the state file says of a process that exists; None if there is no such file, process, or sense in it."""
    try:
        with open(os.path.join(data_dir, STATE_FILE), "rb") as file:
            state = json.loads(file.read(65536))
        endpoint = Endpoint(
            url=f"http://127.0.0.1:{int(state['port'])}",
            key=str(state["token"]),
            pid=int(state["pid"]),
            version=str(state["version"]),
            instance=str(state["instance"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return endpoint if process_exists(endpoint.pid) else None


def answers(endpoint: Endpoint) -> bool:
    """Whether that very server answers: its port may have gone to another program. Its key is not sent to find out."""
    transport = Transport(endpoint.url, headers={})
    try:
        with transport.request("GET", "/health", timeout_s=_PROBE_TIMEOUT_S) as answer:
            answer.read()
            return answer.headers.get("x-memory-instance") == endpoint.instance
    except SilentError:
        raise SilentError(f"{_named(endpoint)} does not answer; end it with: {end_command(endpoint.pid)}") from None
    except UnreachableError:
        return False
    finally:
        transport.close()


def is_newer(version: str, other: str) -> bool:
    return _ordered(version) > _ordered(other)


def _ordered(version: str) -> tuple[int, ...]:
    """`1.10.0rc1` → (1, 10, 0): enough for whom to replace, without importing a parser of versions."""
    numbers: list[int] = []
    for part in version.partition("+")[0].split("."):
        digits = "".join(char if char.isdecimal() else " " for char in part).split(" ")[0]
        numbers.append(int(digits) if digits else 0)
    return tuple(numbers)


def _named(endpoint: Endpoint) -> str:
    return f"the local memory server (pid {endpoint.pid})"
