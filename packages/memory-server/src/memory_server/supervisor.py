"""What the service manager is told: that the server is ready, that it lives, that it leaves (systemd's sd_notify(3)).

Without one, that is without NOTIFY_SOCKET, nothing is said.
"""

import contextlib
import time
from collections.abc import Mapping

from memory_core import system


class Supervisor:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        # A sign of life every third of the time after which it is missed.
        self._pause_s = int(environ.get("WATCHDOG_USEC") or 0) / 3e6
        self._next_s = 0.0

    def ready(self) -> None:
        self._tell("READY=1")

    def alive(self) -> None:
        """Call it as often as you like: says so no more often than it is waited for."""
        if self._pause_s and time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + self._pause_s
            self._tell("WATCHDOG=1")

    def leaving(self) -> None:
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        # "@" stands for the NUL of an abstract address.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError):
            system.notify(address, state)
