"""The server as the bridge sees it: a place to post to, remote or local, that may be away and come back.

Raises UnreachableError with one sentence; whoever asks again finds the server if it is back.
"""

import threading
import time

from memory_client import local
from memory_client.connection import Ticket
from memory_client.errors import ClientError, SilentError, UnreachableError
from memory_client.target import Target
from memory_client.transport import Answer, Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_RETRY_START_AFTER_S = 5.0  # a server that could not start is not tried again for each request of a burst
_LOCAL_WAIT_S = 75.0  # longer than a start may take: its own sentence comes first
# What another program says to us, or a newer server, when it has taken the port of a server that is gone.
_STRANGER = frozenset({400, 401, 403, 404, 405, 421, 501})


class RemoteServer:
    """The server at a URL."""

    def __init__(self, target: Target, *, user_agent: str) -> None:
        assert target.url is not None  # noqa: S101 - the caller has looked
        key = {} if target.key is None else {"X-API-Key": target.key}
        self._transport = Transport(target.url, headers={**_headers(target, user_agent), **key}, proxy=target.proxy)
        self.name = target.url

    def away(self) -> bool:
        """Whether it is known, without asking, that nobody would answer now."""
        return False

    def post(self, body: bytes, headers: "Mapping[str, str]", ticket: Ticket | None) -> Answer:
        return self._transport.request("POST", "/mcp", body=body, headers=headers, ticket=ticket)

    def seek(self) -> None:
        """Begin to bring it back, in the background, where that is in our power."""

    def wait_for_contact(self) -> None:
        """Return when asking could be worth it. Of a server elsewhere nothing is known without asking."""


class LocalServer:
    """The local server, started when it is needed, again whenever it has gone."""

    def __init__(self, target: Target, *, user_agent: str, version: str) -> None:
        self._data_dir = target.data_dir
        self._headers = _headers(target, user_agent)
        self._version = version
        self.name = "the local memory server"
        self._changed = threading.Condition()
        self._transport: Transport | None = None
        self._instance = ""
        self._seeking = False
        self._failure: UnreachableError | None = None
        self._failed_at = 0.0

    def away(self) -> bool:
        return self._transport is None and (self._seeking or local.announced(self._data_dir) is None)

    def post(self, body: bytes, headers: "Mapping[str, str]", ticket: Ticket | None) -> Answer:
        """Waits for a server that is starting. A server that has gone is replaced, and asked in its place."""
        transport = self._current()
        try:
            answer = transport.request("POST", "/mcp", body=body, headers=headers, ticket=ticket)
        except SilentError:
            raise
        except UnreachableError:
            pass
        else:
            if answer.status not in _STRANGER or self._still_runs():
                return answer
            answer.close()
        self._lose(transport)
        return self._current().request("POST", "/mcp", body=body, headers=headers, ticket=ticket)

    def seek(self) -> None:
        with self._changed:
            if self._seeking or self._transport is not None:
                return
            self._seeking = True
        threading.Thread(target=self._connect, name="local-server", daemon=True).start()

    def wait_for_contact(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._transport is not None)

    def _current(self) -> Transport:
        """Raises UnreachableError: what kept the server from starting."""
        with self._changed:
            if self._failure is not None and time.monotonic() - self._failed_at > _RETRY_START_AFTER_S:
                self._failure = None
        if self._failure is None:
            self.seek()
        with self._changed:
            self._changed.wait_for(lambda: self._transport is not None or self._failure is not None, _LOCAL_WAIT_S)
            if self._transport is None:
                raise UnreachableError(str(self._failure or "the local memory server is still starting; ask again"))
            return self._transport

    def _connect(self) -> None:
        transport, failure, instance = None, None, ""
        try:
            endpoint = local.connect(self._data_dir, version=self._version)
            instance = endpoint.instance
            transport = Transport(endpoint.url, headers={**self._headers, "X-API-Key": endpoint.key})
        except ClientError as error:
            failure = UnreachableError(str(error))
        except Exception as error:  # noqa: BLE001 - whoever waits must be told, whatever it was
            failure = UnreachableError(f"the local memory server could not be started: {error}")
        with self._changed:
            self._transport, self._instance = transport, instance
            self._failure, self._failed_at = failure, time.monotonic()
            self._seeking = False
            self._changed.notify_all()

    def _still_runs(self) -> bool:
        """Whether the server that we know is still there, so that a refusal is its own."""
        endpoint = local.announced(self._data_dir)
        return endpoint is not None and endpoint.instance == self._instance and local.answers(endpoint)

    def _lose(self, transport: Transport) -> None:
        with self._changed:
            if self._transport is transport:
                self._transport = None
        transport.close()


class NoServer:
    """In place of a server that the settings do not let us name: each use says why."""

    name = "the memory server"

    def __init__(self, why: str) -> None:
        self._why = why

    def away(self) -> bool:
        return True

    def post(self, *_: object) -> Answer:
        raise UnreachableError(self._why)

    def seek(self) -> None:
        """Nothing can be done before the settings change, and then this process ends."""

    def wait_for_contact(self) -> None:
        threading.Event().wait()


Upstream = RemoteServer | LocalServer | NoServer


def mcp_headers(target: Target) -> dict[str, str]:
    """What every message has among its headers, whoever sends it and when."""
    return {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        **target.identity_headers(),
    }


def _headers(target: Target, user_agent: str) -> dict[str, str]:
    return {"User-Agent": user_agent, **mcp_headers(target)}
