"""Whether the process answers, and whether it can work: for whoever restarts it, and whoever sends it requests.

Both need no key, so they tell nothing that /health does not, and an answer is kept for a second: nobody can keep the
store busy by asking.
"""

from fastapi import Request, Response
from msgspec import Struct, structs

from memory_core.types import EmbeddingStatus, Health
from memory_core.watching import Readiness, Watch
from memory_server.access import Level, Principal
from memory_server.remembered import Remembered
from memory_server.routes import Route, encoded

KEEP_S = 1.0


class Alive(Struct, frozen=True, kw_only=True):
    alive: bool = True


class HealthRoutes:
    """`serving` is set between the end of the start and the beginning of the stop."""

    def __init__(self, watch: Watch) -> None:
        self.serving = False
        self._readiness = Remembered(watch.readiness, keep_s=KEEP_S)

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/health/live", needs=Level.OPEN, summary="Whether the process answers",
                  handler=self.live, tag="server", returns=Alive),
            Route(method="GET", path="/health/ready", needs=Level.OPEN,
                  summary="Whether it can work; 503 with what is missing", handler=self.ready, tag="server",
                  returns=Readiness, or_status=503),
        ]  # fmt: skip

    async def live(self) -> Response:
        return encoded(Alive())

    async def ready(self, request: Request) -> Response:
        if not self.serving:
            return encoded(Readiness(ready=False, missing=("the server is starting or stopping",)), status=503)
        readiness = await self._readiness.get()
        principal: Principal = request.state.principal
        if readiness.embedding is not None and not principal.sees_all:
            readiness = structs.replace(readiness, embedding=without_counts(readiness.embedding))
        return encoded(readiness, status=200 if readiness.ready else 503)


def for_anyone(health: Health) -> Health:
    return structs.replace(health, embedding=without_counts(health.embedding))


def without_counts(embedding: EmbeddingStatus) -> EmbeddingStatus:
    """They would tell when somebody keeps something."""
    following = None if embedding.next is None else structs.replace(embedding.next, pending=0, failed=0)
    return structs.replace(embedding, pending=0, failed=0, next=following)
