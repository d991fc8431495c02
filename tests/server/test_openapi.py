"""The document says the truth: what the server answers fits it, and it leaves out nothing."""

from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from support.apps import MakeApp

Json = dict[str, Any]
ID = "0123456789abcdef"


async def document(http: httpx.AsyncClient) -> Json:
    spec: Json = (await http.get("/openapi.json")).json()
    return spec


def check(spec: Json, method: str, path: str, answer: httpx.Response) -> None:
    """`answer` has a status, a content type and a body that `spec` names for this operation."""
    operation = spec["paths"][path][method.lower()]
    assert str(answer.status_code) in operation["responses"], (method, path, answer.status_code, answer.text)
    content = operation["responses"][str(answer.status_code)]["content"]
    media = answer.headers["content-type"].partition(";")[0]
    assert media in content
    schema = content[media]["schema"]
    if "json" in media:
        Draft202012Validator({**schema, "components": spec["components"]}).validate(answer.json())


async def test_what_each_route_answers_fits_the_document(make_app: MakeApp) -> None:
    http = await make_app(limit_reads="off", limit_writes="off", api_key="k")
    http.headers["X-API-Key"] = "k"  # else the first key made here would be needed for the rest
    spec = await document(http)
    kept = (await http.post("/memories", json={"content": "one", "tags": ["t"], "project_id": "p"})).json()
    one, session = f"/memories/{kept['id']}", "/sessions/5e55104a"
    calls: list[tuple[str, str, str, Json]] = [
        ("GET", "/health", "/health", {}),
        ("GET", "/metrics", "/metrics", {}),
        ("GET", "/health/live", "/health/live", {}),
        ("GET", "/health/ready", "/health/ready", {}),
        ("POST", "/memories", "/memories", {"json": {"content": "two"}}),
        ("POST", "/memories", "/memories", {"json": {"content": ""}}),
        ("POST", "/memories", "/memories", {"content": b"{"}),
        ("POST", "/memories", "/memories", {"content": b"{", "headers": {"content-type": "application/json"}}),
        ("GET", "/memories", "/memories", {"params": {"limit": 1}}),
        ("GET", "/memories", "/memories", {"params": {"limit": 0}}),
        ("POST", "/memories/search", "/memories/search", {"json": {"query": "one"}}),
        ("POST", "/memories/search", "/memories/search", {"json": {"querry": "one"}}),
        ("POST", "/memories/purge", "/memories/purge", {"json": {"project_id": "p"}}),
        ("POST", "/memories/purge", "/memories/purge", {"json": {}}),
        ("GET", one, "/memories/{memory_id}", {}),
        ("GET", f"/memories/{ID}", "/memories/{memory_id}", {}),
        ("PATCH", one, "/memories/{memory_id}", {"json": {"content": "uno"}}),
        ("PATCH", f"/memories/{ID}", "/memories/{memory_id}", {"json": {"content": "x"}}),
        ("GET", f"{one}/similar", "/memories/{memory_id}/similar", {}),
        ("DELETE", one, "/memories/{memory_id}", {}),
        ("DELETE", one, "/memories/{memory_id}", {}),
        ("POST", f"{one}/restore", "/memories/{memory_id}/restore", {}),
        ("POST", f"{one}/restore", "/memories/{memory_id}/restore", {"params": {"revision": 1}}),
        ("POST", f"{one}/restore", "/memories/{memory_id}/restore", {"params": {"revision": 99}}),
        ("GET", f"{one}/history", "/memories/{memory_id}/history", {}),
        ("POST", "/projects/aliases", "/projects/aliases", {"json": {"alias": "a/b", "project_id": "p"}}),
        ("POST", "/projects/aliases", "/projects/aliases", {"json": {"alias": "p", "project_id": "a/b"}}),
        ("GET", "/projects", "/projects", {}),
        ("DELETE", "/projects/aliases/a/b", "/projects/aliases/{alias}", {}),
        ("DELETE", "/projects/aliases/a/b", "/projects/aliases/{alias}", {}),
        ("POST", "/projects/merge", "/projects/merge", {"json": {"source": "p", "target": "q"}}),
        ("POST", "/projects/merge", "/projects/merge", {"json": {"source": "p", "target": "p"}}),
        ("POST", "/memories/move", "/memories/move", {"json": {"to": "p", "tags": ["x"]}}),
        ("POST", "/memories/move", "/memories/move", {"json": {"to": None}}),
        ("POST", "/memories/move", "/memories/move", {"json": {"to": None, "memory_ids": [ID]}}),
        ("POST", "/undo", "/undo", {"json": {"memory_id": kept["id"]}}),
        ("POST", "/undo", "/undo", {"json": {"batch_id": "purge-0"}}),
        ("POST", "/memories", "/memories", {"json": {"content": "two"}}),
        ("POST", "/memories", "/memories", {"json": {"content": "2", "supersedes": ID}}),
        ("GET", "/review", "/review", {"params": {"limit": 5}}),
        ("POST", "/review/settle", "/review/settle", {"json": {"keep": ID, "other": ID, "decision": "merge"}}),
        ("POST", "/sessions", "/sessions", {"json": {"session_id": "5e55104a", "title": "a session"}}),
        ("GET", "/sessions", "/sessions", {"params": {"limit": 1}}),
        ("GET", "/sessions", "/sessions", {"params": {"cursor": "no"}}),
        ("POST", session + "/context", "/sessions/{session_id}/context", {"json": {}}),
        ("POST", session + "/context", "/sessions/{session_id}/context", {"json": {"occasion": "prompt"}}),
        ("POST", session + "/notes", "/sessions/{session_id}/notes", {"json": {"kind": "turn", "text": "Done."}}),
        ("GET", session + "/shown", "/sessions/{session_id}/shown", {}),
        ("POST", session + "/summary", "/sessions/{session_id}/summary", {"json": {"summary": "x", "topics": ["y"]}}),
        ("POST", session + "/summary", "/sessions/{session_id}/summary", {"json": {}}),
        ("POST", "/sessions/summary", "/sessions/summary", {"json": {"summary": "x"}}),
        ("POST", session + "/end", "/sessions/{session_id}/end", {"json": {"reason": "exit"}}),
        ("POST", "/sessions/nothing/end", "/sessions/{session_id}/end", {"json": {}}),
        ("GET", session, "/sessions/{session_id}", {}),
        ("DELETE", session, "/sessions/{session_id}", {}),
        ("DELETE", session, "/sessions/{session_id}", {}),
        ("POST", "/trash/empty", "/trash/empty", {"json": {"older_than_days": 30}}),
        ("GET", "/stats", "/stats", {"params": {"project_id": "p"}}),
        ("GET", "/context", "/context", {"params": {"max_tokens": 100}}),
        ("GET", "/context", "/context", {"params": {"max_tokens": 1}}),
        ("POST", "/embeddings/backfill", "/embeddings/backfill", {}),
        ("GET", "/models", "/models", {}),
        ("POST", "/models/use", "/models/use", {"json": {"embedder": "none"}}),
        ("POST", "/models/use", "/models/use", {"json": {"embedder": "nonsense:x"}}),
        ("POST", "/admin/backup", "/admin/backup", {}),
        ("POST", "/admin/backup", "/admin/backup", {"params": {"verify": "perhaps"}}),
        ("GET", "/admin/backups", "/admin/backups", {}),
        ("POST", "/admin/backups/nothing/verify", "/admin/backups/{name}/verify", {}),
        ("GET", "/admin/diagnosis", "/admin/diagnosis", {"params": {"integrity": "true"}}),
        ("GET", "/admin/diagnosis", "/admin/diagnosis", {"params": {"integrity": "perhaps"}}),
        ("POST", "/admin/repair", "/admin/repair", {}),
        ("GET", "/key", "/key", {}),
        ("POST", "/admin/keys", "/admin/keys", {"json": {"name": "laptop", "projects": ["p", ""], "scope": "read"}}),
        ("POST", "/admin/keys", "/admin/keys", {"json": {"name": "laptop"}}),
        ("POST", "/admin/keys", "/admin/keys", {"json": {"name": "../x"}}),
        ("POST", "/admin/keys/laptop/rotate", "/admin/keys/{name}/rotate", {"params": {"overlap_s": 60}}),
        ("POST", "/admin/keys/laptop/rotate", "/admin/keys/{name}/rotate", {"params": {"overlap_s": -1}}),
        ("GET", "/admin/keys", "/admin/keys", {}),
        ("POST", "/admin/keys/laptop/revoke", "/admin/keys/{name}/revoke", {}),
        ("POST", "/admin/keys/nobody/revoke", "/admin/keys/{name}/revoke", {}),
        ("GET", "/admin/audit", "/admin/audit", {"params": {"limit": 5}}),
        ("GET", "/places", "/places", {"params": {"directory": "/home/me/shop/src"}}),
        ("GET", "/places", "/places", {"params": {"directory": "a\nb"}}),
        ("POST", "/places", "/places", {"json": {"directory": "/home/me/shop", "project_id": "shop"}}),
        ("POST", "/places", "/places", {"json": {"directory": "shop"}}),
        ("GET", "/export", "/export", {}),
        ("POST", "/import", "/import", {"content": b"no", "headers": {"content-type": "application/octet-stream"}}),
        ("POST", "/import", "/import", {"content": b"no"}),
    ]

    for method, path, template, request in calls:
        check(spec, method, template, await http.request(method, path, **request))

    tested = {(method.lower(), template) for method, _, template, _ in calls}
    assert tested == {(method, path) for path, methods in spec["paths"].items() for method in methods}


async def test_what_the_document_gives_as_examples_is_taken(make_app: MakeApp) -> None:
    http = await make_app(embedder=None, api_key="k")  # the model not named by a setting, so that it may be changed
    http.headers["X-API-Key"] = "k"
    spec = await document(http)

    for path, methods in spec["paths"].items():
        body = methods.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            name = body["schema"]["$ref"].rpartition("/")[2]
            for example in spec["components"]["schemas"][name]["examples"]:
                answer = await http.post(path, json=example)
                # Of the ids in an example none is here.
                taken = answer.status_code in (200, 201, 202) or answer.json()["code"] == "not-found"
                assert taken, (path, answer.text)


async def test_every_reference_leads_somewhere(make_app: MakeApp) -> None:
    spec = await document(await make_app())
    names = set(spec["components"]["schemas"])

    def references(value: object) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"].rpartition("/")[2]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    assert references(spec) <= names
    for name, schema in spec["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema, name


async def test_the_page_shows_every_route_and_needs_nothing_from_elsewhere(make_app: MakeApp) -> None:
    http = await make_app()
    spec = await document(http)

    page = (await http.get("/docs")).text

    for path in spec["paths"]:
        assert path in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_the_documents_need_the_key(make_app: MakeApp, path: str) -> None:
    http = await make_app(api_key="k")

    assert (await http.get(path)).status_code == 401


async def test_every_field_of_a_request_says_what_it_means(make_app: MakeApp) -> None:
    spec = await document(await make_app())

    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            for name, schema in fields(spec, operation).items():
                assert schema.get("description"), (method, path, name)


async def test_what_goes_beyond_a_limit_of_the_document_is_refused_and_the_limit_is_not(make_app: MakeApp) -> None:
    http = await make_app(api_key="k", limit_reads="off", limit_writes="off", limit_address="off")
    http.headers["X-API-Key"] = "k"
    spec = await document(http)
    tried = set()

    for path, methods in spec["paths"].items():
        if path == "/import":  # which reads its query only beside a file
            continue
        for method in methods.keys() & {"get", "post"}:
            for name, schema in fields(spec, methods[method]).items():
                for taken, refused in edges(schema):
                    limit = await said_of(http, spec, method, path, name, taken)
                    beyond = await said_of(http, spec, method, path, name, refused)
                    assert beyond not in ("", limit), (method, path, name, refused)
                    assert not any(words in limit for words in ("goes from", "at most")), (path, name, limit)
                    tried.add(name)

    assert {"limit", "query", "min_score", "tags", "max_tokens", "directory", "summary", "projects"} <= tried


def fields(spec: Json, operation: Json) -> Json:
    """Those of the query and of a JSON body."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    named = spec["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]["properties"] if body else {}
    return named | {one["name"]: one["schema"] for one in operation.get("parameters", ()) if one["in"] == "query"}


def edges(schema: Json) -> list[tuple[object, object]]:
    """The last value that is taken, and the first that is not."""
    found: list[tuple[object, object]] = [(schema[edge], schema[edge] + by) for edge, by in BOUNDS if edge in schema]
    if "maxLength" in schema:
        found.append(("x" * schema["maxLength"], "x" * (schema["maxLength"] + 1)))
    if "maxItems" in schema:
        many = [f"n{number}" for number in range(schema["maxItems"] + 1)]
        found.append((many[:-1], many))
    return found


BOUNDS = (("minimum", -1), ("maximum", 1))


async def said_of(http: httpx.AsyncClient, spec: Json, method: str, path: str, name: str, value: object) -> str:
    """Why the server refuses `value`; empty where it does not."""
    body = spec["paths"][path][method].get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        example = spec["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]["examples"][0]
        answer = await http.request(method, path, json={**example, name: value})
    else:
        answer = await http.request(method, path, params={name: value})  # type: ignore[dict-item]
    return str(answer.json()["detail"]) if answer.status_code == 422 else ""
