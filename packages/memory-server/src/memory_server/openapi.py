"""What FastAPI's document of the routes needs besides: the schemas of msgspec's structs, and the errors.

FastAPI puts the document together, but does not know msgspec: each route hands it references, and the schemas are added
once, at the end.
"""

from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.types import Lifespan

from memory_core.errors import Problem
from memory_server import __version__
from memory_server.access import Doors, Level
from memory_server.docs_page import POLICY, page
from memory_server.field_notes import noted
from memory_server.problems import MEDIA_TYPE
from memory_server.routes import MemoryFile, PlainText, Route
from memory_server.transfers import MEDIA

_ABOUT = (
    "The memory that coding agents share. X-Client-ID and X-Project-ID (percent-encoded) stand in for client_id and "
    "project_id where those are left out; X-Project-Dir, a directory of the client, stands in for its project."
)
_TEXT = {"type": "string"}
_HEADERS = (
    {"name": "Idempotency-Key", "in": "header", "schema": _TEXT, "description": "The same key again: done once"},
    {
        "name": "X-Written-Ago",
        "in": "header",
        "schema": {"type": "integer", "minimum": 0},
        "description": "Seconds that the request waited on its way; a memory was created that long ago",
    },
    {"name": "X-Reason", "in": "header", "schema": _TEXT, "description": "Why, percent-encoded; kept in the history"},
)
Json = dict[str, Any]  # there is no narrower type for it

_REF = "#/components/schemas/{name}"
_EXAMPLES: dict[str, Json] = {
    "NewMemory": {"content": "We deploy on Fridays, only after lunch", "memory_type": "decision", "tags": ["deploy"]},
    "SearchQuery": {"query": "when do we release?", "search_mode": "hybrid", "limit": 5},
    "MemoryPatch": {"content": "We deploy on Thursdays"},
    "NewKey": {"name": "laptop", "scope": "write", "projects": ["github.com/acme/site", ""], "client_id": "laptop"},
    "ModelChoice": {"embedder": "onnx:all-MiniLM-L6-v2"},
    "UndoRequest": {"batch_id": "purge-1f2e3d4c5b6a"},
    "Settlement": {"keep": "1a2b3c4d", "other": "5e6f7a8b", "decision": "merge", "content": "We deploy on Fridays"},
    "TrashQuery": {"older_than_days": 7, "dry_run": True},
    "NewAlias": {"alias": "github.com/acme/website", "project_id": "github.com/acme/site"},
    "ProjectMerge": {"source": "github.com/acme/old-site", "target": "github.com/acme/site", "dry_run": True},
    "MoveQuery": {"to": "github.com/acme/site", "memory_ids": ["1a2b3c4d"], "dry_run": True},
    "ContextRequest": {"occasion": "prompt", "prompt": "which port does the API use?", "agent": "claude-code"},
    "NewSession": {"session_id": "3f0c1a52-7d1e-4a6b-9c1f-0b8e5d2a4c6e", "title": "Move the API to another port"},
    "SessionNote": {"kind": "turn", "text": "The API listens on port 9000 now. We decided to keep 8000 for tests."},
    "SessionSummary": {"summary": "Moved the API to port 9000.", "decisions": ["Port 9000, because 8000 is taken"]},
    "SessionEnd": {"reason": "prompt_input_exit"},
    "NewPlace": {"directory": "/home/me/site", "project_id": "github.com/acme/site"},
    "PurgeQuery": {"project_id": "github.com/acme/site", "older_than_days": 365, "dry_run": True},
}


class Documented(FastAPI):
    """An application that serves `routes`, their document and a page of it; `doors` says what each needs."""

    def __init__(self, routes: list[Route], *, doors: Doors, lifespan: Lifespan["Documented"]) -> None:
        problem = {"content": {MEDIA_TYPE: {"schema": _ref(Problem)}}}
        super().__init__(
            title="memory-server",
            version=__version__,
            description=_ABOUT,
            lifespan=lifespan,
            responses=dict.fromkeys((401, 403, 421, 422, 429, 503), problem),
            redirect_slashes=False,
            docs_url=None,
            redoc_url=None,
            generate_unique_id_function=lambda route: route.name.rstrip("_"),
            # Else an environment variable could send spans and exceptions, which may hold memories, elsewhere.
            telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        )
        self._schemas = _schemas(routes)
        doors.add("/openapi.json", ("GET", "HEAD"), Level.READ)
        for route in routes:
            doors.add(route.path, (route.method,), route.needs, whole=route.whole)
            self.add_api_route(
                route.path,
                route.handler,
                methods=[route.method],
                tags=[route.tag],
                summary=route.summary,
                status_code=route.status,
                response_model=None,
                response_class=Response,
                response_description=route.summary,
                responses={
                    **dict.fromkeys(filter(None, (route.status, route.or_status)), _content(route.returns)),
                    **dict.fromkeys(_errors(route), problem),
                },
                openapi_extra=_taken(route, self._schemas),
            )
            if route.method == "GET":  # which answers HEAD in Starlette, but not in FastAPI
                self.add_api_route(
                    route.path, route.handler, methods=["HEAD"], response_model=None, include_in_schema=False
                )
                doors.add(route.path, ("HEAD",), route.needs, whole=route.whole)
        self.add_route("/docs", self._page, include_in_schema=False)
        doors.add("/docs", ("GET", "HEAD"), Level.READ)

    def openapi(self) -> Json:
        if self.openapi_schema is None:
            # Not FastAPI's security dependencies: the middleware guards /mcp and unknown addresses, too.
            key, bearer = {"type": "apiKey", "in": "header", "name": "X-API-Key"}, {"type": "http", "scheme": "bearer"}
            self.openapi_schema = super().openapi() | {
                "components": {"schemas": self._schemas, "securitySchemes": {"key": key, "bearer": bearer}},
                "security": [{"key": []}, {"bearer": []}],
            }
        return self.openapi_schema

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(page(self.openapi()), headers={"content-security-policy": POLICY})


def _schemas(routes: list[Route]) -> Json:
    named: set[type[msgspec.Struct]] = {Problem}
    named.update(kind for route in routes for kind in (route.returns, route.body, route.query) if kind)
    structs = sorted(named - {MemoryFile, PlainText}, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(structs, ref_template=_REF)
    for kind in {kind for route in routes for kind in (route.body, route.query) if kind and kind is not MemoryFile}:
        schemas[kind.__name__]["properties"] = noted(kind, schemas[kind.__name__]["properties"])
    for name, example in _EXAMPLES.items():
        schemas[name]["examples"] = [example]
    return schemas


def _errors(route: Route) -> set[int]:
    return {*route.errors, *((400, 413, 415) if route.body else ())}


def _taken(route: Route, schemas: Json) -> Json:
    """The body and the query, which FastAPI cannot read from a handler that decodes them with msgspec."""
    taken: Json = {}
    if route.body is not None:
        taken["requestBody"] = {"required": True, **_content(route.body)}
    if route.query is not None:
        fields = schemas[route.query.__name__]["properties"]
        taken["parameters"] = [_parameter(name, schema) for name, schema in fields.items()]
    if route.changes:
        taken.setdefault("parameters", []).extend(_HEADERS)
    return taken | {"security": _security(route)}


def _parameter(name: str, schema: Json) -> Json:
    """An empty parameter is null, so that none is too short."""
    schema = {word: value for word, value in schema.items() if word != "minLength"}
    return {"name": name, "in": "query", "description": schema["description"], "schema": schema}


def _security(route: Route) -> list[Json]:
    """Either way of sending a key, and what that must be able to do: not a scope of OAuth, but OpenAPI's "role"."""
    if route.needs is Level.OPEN:
        return []
    roles = [route.needs.name.lower(), *(["all projects"] if route.whole else [])]
    return [{"key": roles}, {"bearer": roles}]


def _content(kind: type[msgspec.Struct]) -> Json:
    if kind is MemoryFile:
        return {"content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()}}
    if kind is PlainText:
        return {"content": {"text/plain": {"schema": _TEXT}}}
    return {"content": {"application/json": {"schema": _ref(kind)}}}


def _ref(kind: type[msgspec.Struct]) -> Json:
    return {"$ref": _REF.format(name=kind.__name__)}
