"""Every failure leaves as problem details (RFC 9457): ours, the framework's, and the ones nobody expected.

Only the last kind is logged, once, with its traceback; a caller never sees one, nor a path or a line of code.
"""

import logging
import math
from collections.abc import Mapping

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory_core.errors import InternalError, MemoryServiceError, Problem, RateLimitedError, problem_of
from memory_server import request_ids

log = logging.getLogger("memory_server")

MEDIA_TYPE = "application/problem+json"


class HttpError(Exception):
    """What only HTTP knows: no such route, another method, not JSON. `headers` go out with the answer."""

    def __init__(
        self, status: int, code: str, title: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(type=f"urn:claude-memory:{code}", title=title, status=status, detail=detail, code=code)
        self.headers = dict(headers or {})


def malformed(detail: str) -> HttpError:
    return HttpError(400, "malformed", "Malformed request", detail)


def unsupported_media(expected: str) -> HttpError:
    return HttpError(415, "unsupported-media-type", "Unsupported media type", f"send {expected}")


def misdirected(host: str) -> HttpError:
    detail = f"this server does not answer to the name {host!r}; add it to MEMORY_ALLOWED_HOSTS"
    return HttpError(421, "misdirected", "Misdirected request", detail)


def method_not_allowed(method: str, allowed: str) -> HttpError:
    detail = f"{method} is not possible here; {allowed} is"
    return HttpError(405, "method-not-allowed", "Method not allowed", detail, {"allow": allowed})


def no_route() -> HttpError:
    return HttpError(404, "no-route", "Not found", "there is nothing at this address; GET /docs lists what there is")


def response_of(error: MemoryServiceError | HttpError) -> Response:
    if isinstance(error, HttpError):
        return _response(error.problem, error.headers)
    headers = {}
    if isinstance(error, RateLimitedError):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    if error.status == 401:
        headers["www-authenticate"] = 'Bearer realm="memory"'
    return _response(problem_of(error), headers)


def _response(problem: Problem, headers: Mapping[str, str]) -> Response:
    named = msgspec.structs.replace(problem, request_id=request_ids.current())
    return Response(msgspec.json.encode(named), problem.status, dict(headers), MEDIA_TYPE)


class ProblemMiddleware:
    """Turns whatever is raised inside into an answer, if none has begun."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except (MemoryServiceError, HttpError) as error:
            if begun:
                raise
            if isinstance(error, MemoryServiceError) and error.status == 500:
                log.exception("%s failed", scope["method"])
            await response_of(error)(scope, receive, send)
        except ClientDisconnect:
            # The caller left in the middle of its body. Mostly nobody reads this; the log line has its status.
            if not begun:
                await response_of(malformed("the body ended before its end"))(scope, receive, send)
        except Exception:
            if begun:
                raise
            log.exception("%s failed", scope["method"])
            await response_of(InternalError("the server failed at this; its log says why"))(scope, receive, send)
