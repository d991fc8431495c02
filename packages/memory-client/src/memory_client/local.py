"""The local server: found if it runs, started if it does not, by whoever needs it first.

It is the ordinary server, on loopback, a process of its own that all windows, hooks and shells of a user share. It
writes `server.json` into its data directory when it listens. Starting is guarded by a lock, so that one process starts
it and the others wait. Everything that can go wrong ends in one sentence (UnreachableError).
"""


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
    """The running server of `data_dir`, asked and found to answer; None if there is none. Starts nothing."""
    raise NotImplementedError


def connect(data_dir: str, *, version: str) -> Endpoint:
    """The running server of `data_dir`, started if need be; replaced if it is older than `version`.

    Raises UnreachableError.
    """
    raise NotImplementedError


def stop(data_dir: str) -> bool:
    """Stop the server of `data_dir` and wait until it has left; False if none runs. Raises UnreachableError."""
    raise NotImplementedError
