"""What every answer says beside its content, be it a result, a refusal or a failure.

To browsers: this is not to be framed, stored, guessed at or taken by other pages. To clients: what is left of their
limits, in the fields of draft-ietf-httpapi-ratelimit-headers-11 and in the three of its earlier versions, which more
clients read.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory_server.limits import Standing, standings

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What an answer may load and do in a browser, unless it says so itself."""

HSTS = "max-age=31536000"
LIMIT_FIELDS = ("ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")
_UNLESS_SAID = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer, a form of a page of ours would come with `Origin: null`
    "content-security-policy": NOTHING,
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class HeadersMiddleware:
    """`is_https`: people come by https, whatever the last hop looks like."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self.app = app
        self._is_https = is_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_https = self._is_https or scope["scheme"] == "https"
        counted: list[Standing] = []
        standings.set(counted)
        held: Message | None = None

        async def with_headers(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                # Until there is content: a stream of the MCP SDK begins before the tool runs, and is counted.
                held = message
                return
            if held is not None:
                begin, held = held, None
                add_headers(MutableHeaders(scope=begin), counted, is_https=is_https)
                await send(begin)
            await send(message)

        await self.app(scope, receive, with_headers)


def add_headers(headers: MutableHeaders, counted: list[Standing], *, is_https: bool) -> None:
    if headers.get("content-type", "").startswith("text/event-stream"):
        headers["cache-control"] = "no-store, no-transform"
        headers["x-accel-buffering"] = "no"  # nginx would keep events back until it has a bufferful
    for name, value in _UNLESS_SAID.items():
        headers.setdefault(name, value)
    if is_https:
        headers["strict-transport-security"] = HSTS
    headers.update(limit_fields(counted))


def limit_fields(counted: list[Standing]) -> dict[str, str]:
    """Empty where nothing was counted. The three older fields tell of the limit that is nearest to its end."""
    if not counted:
        return {}
    nearest = min(counted, key=lambda each: each.remaining)
    return {
        "ratelimit": ", ".join(f'"{each.kind.policy}";r={each.remaining};t={each.reset_s}' for each in counted),
        "ratelimit-policy": ", ".join(f'"{each.kind.policy}";q={each.amount};w={each.window_s}' for each in counted),
        "ratelimit-limit": str(nearest.amount),
        "ratelimit-remaining": str(nearest.remaining),
        "ratelimit-reset": str(nearest.reset_s),
    }
