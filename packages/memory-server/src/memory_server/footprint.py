"""What the process holds and does not use goes back to the system whenever it has been quiet for a while.

Two things outlive their use: what the C library keeps of memory that was freed, and pages of the model's weights and
of program code, which are files and stay counted after a single touch. The system fetches such a page again from its
own cache at the next use, in microseconds. Nothing is freed here that anyone may still write to.
"""

import contextlib
import ctypes
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

INTERVAL_S = 30.0
QUIET = 0.02  # of a processor, over an interval; an idle server takes 0.005
WORTH_S = 1.0  # of processor time since the last time

_SMAPS = Path("/proc/self/smaps")
_DONT_NEED = 4  # MADV_DONTNEED: right for a program's own code alone, which stays where it is until the process ends
_PAGE_OUT = 21  # MADV_PAGEOUT: loses nothing, whatever lies there by now; for files of this user, since Linux 5.4
_LEAST_KB = 256
_HEADER = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)\s*(.*)")


class Mapping(NamedTuple):
    """A part of a file in this process's memory."""

    start: int
    size: int
    path: str
    writable: bool
    resident_kb: int
    private_kb: int


def keep_small() -> None:
    """Watch from a thread of its own until the process ends. Does nothing where the system is not Linux."""
    if sys.platform == "linux":
        threading.Thread(target=_watch, name="footprint", daemon=True).start()


def give_back() -> None:
    """Now. Takes some milliseconds; other threads go on meanwhile. Only for Linux."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # glibc; musl has none, and keeps little
        libc.malloc_trim(0)
    for mapping in _unused():
        advice = _PAGE_OUT if mapping.writable else _DONT_NEED
        libc.madvise(ctypes.c_void_p(mapping.start), ctypes.c_size_t(mapping.size), advice)


class Turns:
    """When giving back is worth it: in a quiet interval after some work, and again two quiet intervals later.

    By then the store has done its upkeep, within a minute of the last request, which frees what the database keeps of
    past statements.
    """

    def __init__(self) -> None:
        self._before_s = self._given_back_s = 0.0
        self._until_second = 0

    def due(self, used_s: float) -> bool:
        """Asked once an interval, with the processor time that the process has used so far."""
        quiet = used_s - self._before_s < QUIET * INTERVAL_S
        self._before_s = used_s
        if not quiet:
            return False
        if used_s - self._given_back_s > WORTH_S:
            self._given_back_s, self._until_second = used_s, 2
            return True
        self._until_second -= 1
        return self._until_second == 0


def _watch() -> None:
    turns = Turns()
    while True:
        time.sleep(INTERVAL_S)
        if turns.due(time.process_time()):
            give_back()


def _unused() -> Iterator[Mapping]:
    """Of files, and equal to them: the code of libraries, and a model's weights.

    ONNX Runtime maps weights writable though it never writes to them; no other writable mapping is touched. Another
    thread may close a model between this look and what follows from it, so weights are given back in a way that would
    harm nothing else that came to lie there.
    """
    for mapping in _mappings():
        is_code = not mapping.writable and ".so" in mapping.path.rpartition("/")[2]
        clean = mapping.private_kb == 0 and (is_code or mapping.path.endswith("/weights.bin"))
        if clean and mapping.resident_kb >= _LEAST_KB:
            yield mapping


def _mappings() -> Iterator[Mapping]:
    header: re.Match[str] | None = None
    sizes: dict[str, int] = {}
    with contextlib.suppress(OSError), _SMAPS.open() as lines:  # some sandboxes hide it
        for line in lines:
            if found := _HEADER.match(line):
                header, sizes = found, {}
            elif header is not None:
                name, _, value = line.partition(":")
                sizes[name] = int(value.split()[0]) if value.rstrip().endswith("kB") else 0
                if name == "Anonymous" and header[4] != "0":
                    yield _mapping(header, sizes)


def _mapping(header: re.Match[str], sizes: dict[str, int]) -> Mapping:
    start, end = int(header[1], 16), int(header[2], 16)
    return Mapping(start, end - start, header[5], "w" in header[3], sizes["Rss"], sizes["Anonymous"])
