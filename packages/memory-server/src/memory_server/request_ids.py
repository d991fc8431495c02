"""A name for each request, which its answer and every line that is logged because of it carry.

A caller's own is kept if it is harmless, so that one name leads through a proxy, this server and its log.
"""

import logging
import re
import secrets
from contextvars import ContextVar

HEADER = "x-request-id"

_HARMLESS = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def taken_or_made(sent: str | None) -> str:
    return sent if sent is not None and _HARMLESS.fullmatch(sent) else secrets.token_hex(8)


def current() -> str | None:
    """Of the request that this is done for, also in the engine's threads; null outside one."""
    return _current.get()


class Named:
    """`with Named(request_id):` what is done within is done for that request."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def __enter__(self) -> None:
        self._token = _current.set(self._request_id)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


class RequestIdFormatter(logging.Formatter):
    """Lines for people, with the request at the end where there is one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        line = super().formatMessage(record)
        return line if (request_id := current()) is None else f"{line} request={request_id}"
