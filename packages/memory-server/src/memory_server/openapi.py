"""The OpenAPI document, made from the route table and the structs themselves, and a page that shows it.

The page is plain HTML without scripts, so that it needs nothing from elsewhere.
"""

import html
from collections.abc import Iterable
from typing import Any

import msgspec

from memory_core.errors import Problem
from memory_server.problems import MEDIA_TYPE
from memory_server.rest import PARQUET, Route

_REF = "#/components/schemas/{name}"
_REASONS = {
    400: "Not JSON",
    401: "No key, or a wrong one",
    403: "A web origin that is not allowed",
    404: "No such memory",
    409: "An ambiguous id, or a conflict",
    413: "Too large",
    415: "Another content type than expected",
    421: "A host name this server does not answer to",
    422: "What was sent cannot be taken; the text says why",
    429: "Too many requests",
    503: "Not available now",
    507: "Disk full",
}
_EXAMPLES: dict[str, dict[str, Any]] = {  # JSON has no narrower type
    "NewMemory": {"content": "We deploy on Fridays, only after lunch", "memory_type": "decision", "tags": ["deploy"]},
    "SearchQuery": {"query": "when do we release?", "search_mode": "hybrid", "limit": 5},
    "MemoryPatch": {"content": "We deploy on Thursdays"},
    "PurgeQuery": {"project_id": "github.com/acme/site", "older_than_days": 365, "dry_run": True},
}

Json = dict[str, Any]


def document(routes: Iterable[Route], *, version: str) -> Json:
    routes = list(routes)
    named: set[type[msgspec.Struct]] = {Problem}
    for route in routes:
        named |= {kind for kind in (route.returns, route.body, route.query) if kind is not None}
    _, schemas = msgspec.json.schema_components(sorted(named, key=lambda kind: kind.__name__), ref_template=_REF)
    for name, example in _EXAMPLES.items():
        schemas[name]["examples"] = [example]
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "memory-server",
            "version": version,
            "description": "The memory that coding agents share. X-Client-ID and X-Project-ID (percent-encoded) stand "
            "in for client_id and project_id where those are left out.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"key": []}, {"bearer": []}],
    }


def _operation(route: Route, schemas: Json) -> Json:
    operation: Json = {"summary": route.summary, "operationId": f"{route.method.lower()}{_camel(route.path)}"}
    if route.path == "/health":
        operation["security"] = []
    parameters = _path_parameters(route) + _query_parameters(route, schemas)
    if parameters:
        operation["parameters"] = parameters
    errors = {401, 403, 421, 429, 503, *route.errors}
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(route.body)}}}
        errors |= {400, 413, 415, 422}
    if route.takes_parquet:
        operation["requestBody"] = {"required": True, "content": {PARQUET: {"schema": {"type": "string"}}}}
        errors |= {413, 415, 422}
    if parameters:
        errors.add(422)
    if route.path == "/health":
        errors = {401, 403, 421, 429}
    media, schema = ("application/json", _ref(route.returns)) if route.returns else (PARQUET, {"type": "string"})
    problem = {"content": {MEDIA_TYPE: {"schema": _ref(Problem)}}}
    operation["responses"] = {
        str(route.status): {"description": route.summary, "content": {media: {"schema": schema}}},
        **{str(status): {"description": _REASONS[status], **problem} for status in sorted(errors)},
    }
    return operation


def _path_parameters(route: Route) -> list[Json]:
    if "{memory_id}" not in route.path:
        return []
    note = "An id, or its unique beginning of at least four characters"
    return [{"name": "memory_id", "in": "path", "required": True, "description": note, "schema": {"type": "string"}}]


def _query_parameters(route: Route, schemas: Json) -> list[Json]:
    if route.query is None:
        return []
    properties = schemas[route.query.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _ref(kind: type[msgspec.Struct]) -> Json:
    return {"$ref": _REF.format(name=kind.__name__)}


def _camel(path: str) -> str:
    return "".join(part.strip("{}").title().replace("_", "") for part in path.split("/"))


def page(spec: Json) -> str:
    """The document for a reader: one entry a route, and the schemas as they are."""
    text = html.escape
    rows = [
        f"<details><summary><code>{method.upper()} {text(path)}</code> {text(operation['summary'])}</summary>"
        f"<pre>{text(_pretty(operation))}</pre></details>"
        for path, operations in spec["paths"].items()
        for method, operation in operations.items()
    ]
    schemas = [
        f'<details id="{text(name)}"><summary><code>{text(name)}</code></summary>'
        f"<pre>{text(_pretty(schema))}</pre></details>"
        for name, schema in spec["components"]["schemas"].items()
    ]
    info = spec["info"]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{text(info['title'])}</title><style>body{{font:1rem/1.5 system-ui;max-width:60rem;margin:2rem auto;"
        "padding:0 1rem}pre{overflow:auto;background:#8881;padding:1rem}</style>"
        f"<h1>{text(info['title'])} {text(info['version'])}</h1><p>{text(info['description'])}</p>"
        "<p>For programs: <a href=openapi.json>openapi.json</a>. For agents: <code>POST /mcp</code>.</p>"
        f"<h2>Routes</h2>{''.join(rows)}<h2>Schemas</h2>{''.join(schemas)}</html>"
    )


def _pretty(value: Json) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
