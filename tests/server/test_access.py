"""Every address and every tool, asked with every kind of key: who is let in, and that a limited key learns nothing.

What other projects hold is marked, so that a single word of it in an answer is noticed. That a limited key is answered
the same whether they hold anything is `tests/core/engine/test_reach.py`.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from memory_core.keys import KeyScope, NewKey
from memory_server.access import Doors, Level
from memory_server.tools import TOOLS
from support.apps import calling
from support.keys import make_key
from support.rpc import answer_of, call_tool, post, tool_text

BOOTSTRAP = "the key of these tests"
MARK = "zebra"  # in everything that other projects hold
LIMITED = ("shop",)


class Asked(NamedTuple):
    method: str
    path: str
    needs: Level
    body: dict[str, Any] | None = None
    whole: bool = False
    outside: bool = False  # it names what a limited key does not reach


OWN, OTHER = "{own}", "{other}"
OWN_SESSION, OTHER_SESSION = "1a2b3c4d", "5e6f7a8b"
READ, WRITE, ADMIN = Level.READ, Level.WRITE, Level.ADMIN
ADDRESSES = [
    Asked("GET", "/health", Level.OPEN),
    Asked("GET", "/health/live", Level.OPEN),
    Asked("GET", "/health/ready", Level.OPEN),
    Asked("GET", "/memories", READ),
    Asked("GET", "/memories?global_search=true&limit=200", READ),
    Asked("GET", "/memories?project_id=zebra", READ, outside=True),
    Asked("GET", "/memories?project_id=stripes", READ, outside=True),
    Asked("GET", "/memories?projects=zebra&projects=shop", READ),
    Asked("GET", "/memories?trashed=true&global_search=true", READ),
    Asked("POST", "/memories/search", READ, {"query": "port", "global_search": True, "explain": True}),
    Asked("POST", "/memories/search", READ, {"query": '"zebra"', "search_mode": "keyword", "project_id": "zebra"},
          outside=True),
    Asked("POST", "/memories/search", READ, {"query": "port", "as_of": "2099-01-01T00:00:00Z", "global_search": True}),
    Asked("GET", f"/memories/{OWN}", READ),
    Asked("GET", f"/memories/{OTHER}", READ),
    Asked("GET", f"/memories/{OWN}/history", READ),
    Asked("GET", f"/memories/{OTHER}/history", READ),
    Asked("GET", f"/memories/{OWN}/similar", READ),
    Asked("GET", f"/memories/{OTHER}/similar", READ),
    Asked("GET", "/review", READ),
    Asked("GET", "/projects", READ),
    Asked("GET", "/stats?global_search=true", READ),
    Asked("GET", "/context?global_search=true", READ),
    Asked("GET", "/context?query=port&global_search=true", READ),
    Asked("GET", "/export?format=jsonl", READ),
    Asked("GET", "/key", READ),
    Asked("GET", "/models", READ, whole=True),
    Asked("GET", "/metrics", READ, whole=True),
    Asked("GET", "/docs", READ),
    Asked("GET", "/openapi.json", READ),
    Asked("POST", "/memories", WRITE, {"content": "the port is 8000", "project_id": "shop"}),
    Asked("POST", "/memories/purge", WRITE, {"content_contains": "port", "global_search": True}),
    Asked("PATCH", f"/memories/{OWN}", WRITE, {"tags": ["x"]}),
    Asked("PATCH", f"/memories/{OTHER}", WRITE, {"tags": ["x"]}),
    Asked("DELETE", f"/memories/{OTHER}", WRITE),
    Asked("POST", f"/memories/{OTHER}/restore", WRITE),
    Asked("POST", f"/memories/{OWN}/restore", WRITE),
    Asked("POST", "/projects/aliases", WRITE, {"alias": "boutique", "project_id": "shop"}, whole=True),
    Asked("DELETE", "/projects/aliases/boutique", WRITE, whole=True),
    Asked("POST", "/projects/merge", WRITE, {"source": "zebra", "target": "shop"}, whole=True),
    Asked("POST", "/memories/move", WRITE, {"to": "shop", "content_contains": "port", "global_search": True}),
    Asked("POST", "/memories/move", WRITE, {"to": "shop", "memory_ids": [OTHER]}),
    Asked("POST", "/memories/move", WRITE, {"to": "stripes", "memory_ids": [OWN]}, outside=True),
    Asked("POST", "/undo", WRITE, {"memory_id": OTHER}),
    Asked("POST", "/review/settle", WRITE, {"keep": OWN, "other": OTHER, "decision": "merge"}),
    Asked("POST", "/import", WRITE),
    Asked("DELETE", f"/memories/{OWN}", WRITE),
    Asked("GET", "/sessions", READ),
    Asked("GET", "/sessions?global_search=true", READ),
    Asked("GET", f"/sessions/{OWN_SESSION}", READ),
    Asked("GET", f"/sessions/{OTHER_SESSION}", READ),
    Asked("GET", f"/sessions/{OWN_SESSION}/shown", READ),
    Asked("GET", f"/sessions/{OTHER_SESSION}/shown", READ),
    Asked("POST", f"/sessions/{OWN_SESSION}/context", READ, {}),
    Asked("POST", f"/sessions/{OTHER_SESSION}/context", READ, {"occasion": "prompt", "prompt": "which port?"}),
    Asked("POST", "/sessions", WRITE, {"session_id": OWN_SESSION}),
    Asked("POST", "/sessions", WRITE, {"session_id": OTHER_SESSION}),
    Asked("POST", f"/sessions/{OWN_SESSION}/notes", WRITE, {"kind": "turn", "text": "a port was chosen"}),
    Asked("POST", f"/sessions/{OTHER_SESSION}/notes", WRITE, {"kind": "compaction", "text": "a port was chosen"}),
    Asked("POST", f"/sessions/{OWN_SESSION}/summary", WRITE, {"summary": "about ports"}),
    Asked("POST", f"/sessions/{OTHER_SESSION}/summary", WRITE, {"summary": "about ports"}),
    Asked("POST", "/sessions/summary", WRITE, {"summary": "about ports"}),
    Asked("POST", f"/sessions/{OWN_SESSION}/end", WRITE, {}),
    Asked("POST", f"/sessions/{OTHER_SESSION}/end", WRITE, {}),
    Asked("DELETE", f"/sessions/{OTHER_SESSION}", WRITE),
    Asked("GET", "/places", READ),
    Asked("POST", "/places", WRITE, {"directory": "/home/me/shop", "project_id": "shop"}),
    Asked("POST", "/trash/empty", ADMIN, {"older_than_days": 0}),
    Asked("POST", "/embeddings/backfill", ADMIN),
    Asked("POST", "/models/use", ADMIN, {"embedder": "none"}),
    Asked("POST", "/admin/backup", ADMIN),
    Asked("GET", "/admin/backups", ADMIN),
    Asked("POST", "/admin/backups/20261125T000000.000Z/verify", ADMIN),
    Asked("GET", "/admin/diagnosis", ADMIN),
    Asked("POST", "/admin/repair", ADMIN),
    Asked("GET", "/admin/audit", ADMIN),
    Asked("GET", "/admin/grants", ADMIN),
    Asked("POST", "/admin/grants/0123456789ab/revoke", ADMIN),
    Asked("POST", "/admin/keys", ADMIN, {"name": "another"}),
    Asked("GET", "/admin/keys", ADMIN),
    Asked("POST", "/admin/keys/another/rotate", ADMIN),
    Asked("POST", "/admin/keys/another/revoke", ADMIN),
]  # fmt: skip
KEYS: dict[str, dict[str, Any]] = {
    "read": {"scope": "read"},
    "write": {"scope": "write"},
    "admin": {"scope": "admin"},
    "read-shop": {"scope": "read", "projects": LIMITED},
    "write-shop": {"scope": "write", "projects": LIMITED},
    "write-laptop": {"scope": "write", "client_id": "laptop"},
}
MAY = {name: Level[fields["scope"].upper()] for name, fields in KEYS.items()}


class Place(NamedTuple):
    """A server with something of the shop and much of the zebra, and the keys by name."""

    http: httpx.AsyncClient
    keys: dict[str, str]
    own: str
    other: str

    async def ask(self, asked: Asked, key: str | None) -> httpx.Response:
        headers = {} if key is None else {"X-API-Key": self.keys.get(key, key)}
        return await self.http.request(
            asked.method, self.filled(asked.path), json=self.filled(asked.body), headers=headers
        )

    def filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if isinstance(value, str):
            return value.replace(OWN, self.own).replace(OTHER, self.other)
        return value

    def tells(self, answer: httpx.Response) -> bool:
        """Whether anything of the zebra is in it, but what the request itself said."""
        text = f"{answer.headers} {answer.text}"
        asked = f"{answer.request.url} {answer.request.content.decode()}"
        return (MARK in text.lower() and MARK not in asked) or (self.other in text and self.other not in asked)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("access")
    off = {"limit_reads": "off", "limit_writes": "off", "limit_logins": "off"}
    async with calling(folder, api_key=BOOTSTRAP, public_url="http://localhost:8420", **off) as http:
        keys = {name: make_key(folder, name, **fields) for name, fields in KEYS.items()}
        own, other = await _filled(http)
        yield Place(http, keys, own, other)


async def _filled(http: httpx.AsyncClient) -> tuple[str, str]:
    """The ids of a memory of the shop and of one of the zebra; among the others are likenesses and repeats."""

    async def keep(content: str, project_id: str | None, **fields: object) -> str:
        new = {"content": content, "project_id": project_id, "client_id": project_id} | fields
        answer = await http.post("/memories", json=new, headers={"X-API-Key": BOOTSTRAP})
        memory_id: str = answer.json()["id"]
        return memory_id

    own = await keep("the port of the API is 8000", "shop")
    other = await keep(
        "the port of the zebra's API is 9000", "zebra", tags=["zebra"], source="zebra", session_id="zebra"
    )
    await keep("the port of the zebra's API is 9001", "zebra", review_by="2020-01-01T00:00:00Z", topic_key="zebra")
    await keep("a zebra of no project", None)
    alias = {"alias": "stripes", "project_id": "zebra"}
    await http.post("/projects/aliases", json=alias, headers={"X-API-Key": BOOTSTRAP})
    gone = await keep("the port of a zebra that is gone", "zebra")
    await http.delete(f"/memories/{gone}", headers={"X-API-Key": BOOTSTRAP, "X-Reason": "zebra"})
    for session, project in ((OWN_SESSION, "shop"), (OTHER_SESSION, "zebra")):
        headers = {"X-API-Key": BOOTSTRAP, "X-Project-ID": project}
        await http.post(f"/sessions/{session}/context", json={}, headers=headers)
        prompt = {"occasion": "prompt", "prompt": f"the port of the {project}"}
        await http.post(f"/sessions/{session}/context", json=prompt, headers=headers)
        note = {"kind": "compaction", "text": f"We decided on a port for the {project}."}
        await http.post(f"/sessions/{session}/notes", json=note, headers=headers)
    return own, other


def _label(asked: Asked) -> str:
    return f"{asked.method} {asked.path}"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("asked", ADDRESSES, ids=_label)
async def test_an_address_lets_in_who_may_and_tells_a_limited_key_nothing_of_others(place: Place, asked: Asked) -> None:
    for key in (None, "wrong", BOOTSTRAP[:-1]):
        answer = await place.ask(asked, key)
        assert answer.status_code == (200 if asked.needs is Level.OPEN else 401), (key, answer.text)
        assert not place.tells(answer)
    for name, level in MAY.items():
        answer = await place.ask(asked, name)
        limited = KEYS[name].get("projects") is not None
        refused = level < asked.needs or (limited and (asked.whole or asked.outside))
        assert (answer.status_code == 403) == refused, (name, answer.text)
        assert answer.status_code != 401
        if limited:
            assert not place.tells(answer), (name, answer.text)


async def test_every_address_of_the_server_is_in_this_table(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key=BOOTSTRAP, public_url="http://localhost:8420") as http:
        document = (await http.get("/openapi.json", headers={"X-API-Key": BOOTSTRAP})).json()

    served = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    tried = {(asked.method, _template(asked.path)) for asked in ADDRESSES}
    assert served <= tried


def _template(path: str) -> str:
    bare = path.partition("?")[0].replace(OWN, "{memory_id}").replace(OTHER, "{memory_id}")
    bare = bare.replace("grants/0123456789ab", "grants/{grant_id}").replace("aliases/boutique", "aliases/{alias}")
    bare = bare.replace(OWN_SESSION, "{session_id}").replace(OTHER_SESSION, "{session_id}")
    return bare.replace("another", "{name}").replace("20261125T000000.000Z", "{name}")


TOOL_CALLS: dict[str, list[dict[str, Any]]] = {
    "memory_search": [
        {"query": "port", "global_search": True},
        {"query": "port", "project_id": "zebra"},
        {"query": "port", "project_id": "stripes"},
        {"query": f"id:{OTHER}"},
        {"query": ""},
    ],
    "memory_context": [
        {},
        {"project_id": "zebra"},
        {"project_id": ""},
        {"query": "port"},
        {"query": "port", "session_id": "one"},
    ],
    "memory_session": [{"summary": "the port is 9000"}, {"summary": "mine", "session_id": "zebra"}],
    "memory_stats": [{"global_search": True}, {"project_id": "zebra"}],
    "memory_add": [
        {"content": "the port of the API is 9000"},
        {"content": "another port", "supersedes": OTHER},
        {"content": "the port is mine", "project_id": "zebra"},
    ],
    "memory_update": [{"memory_id": OTHER, "content": "mine"}],
    "memory_delete": [{"memory_id": OTHER}],
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
async def test_a_tool_serves_who_may_and_tells_a_limited_key_nothing_of_others(place: Place, tool: Any) -> None:
    for name, level in MAY.items():
        for arguments in TOOL_CALLS[tool.name]:
            if level >= Level.WRITE and "projects" not in KEYS[name] and OTHER in arguments.values():
                continue  # it would be obeyed
            result = await call_tool(place.http, tool.name, place.filled(arguments), {"X-API-Key": place.keys[name]})
            text = tool_text(result)
            if level < tool.needs:
                assert result["isError"]
                assert "needs a key that may" in text
            if "projects" in KEYS[name]:
                said = str(place.filled(arguments))
                assert MARK not in text.lower() or MARK in said, (name, arguments, text)
                assert place.other[:8] not in text or place.other[:8] in said


@pytest.mark.asyncio(loop_scope="module")
async def test_mcp_lets_in_nobody_without_a_key(place: Place) -> None:
    for key in ({}, {"X-API-Key": "wrong"}):
        answer = await post(place.http, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, key)
        assert answer.status_code == 401
    listed = await post(
        place.http, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, {"X-API-Key": place.keys["read"]}
    )
    assert len(answer_of(listed)["result"]["tools"]) == len(TOOLS)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_key_that_is_bound_to_a_machine_speaks_for_no_other(place: Place) -> None:
    key = {"X-API-Key": place.keys["write-laptop"]}
    new = {"content": "kept by the laptop", "project_id": "bound"}

    silent = await place.http.post("/memories", json=new, headers=key)
    header = await place.http.post("/memories", json=new, headers=key | {"X-Client-ID": "desk"})
    body = await place.http.post("/memories", json=new | {"client_id": "desk"}, headers=key)
    tool = await call_tool(place.http, "memory_add", {"content": "x"}, key | {"X-Client-ID": "desk"})

    assert silent.json()["client_id"] == "laptop"
    assert [header.status_code, body.status_code, tool["isError"]] == [403, 403, True]
    assert "speaks for the client 'laptop' and for no other" in header.json()["detail"]


async def test_counts_in_health_are_for_keys_of_all_projects(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key=BOOTSTRAP, embedder=None) as http:
        await http.post("/memories", json={"content": "waits"}, headers={"X-API-Key": BOOTSTRAP})
        limited = make_key(tmp_path, "shop", scope="read", projects=LIMITED)

        for path in ("/health", "/health/ready"):
            seen = {key: (await http.get(path, headers={"X-API-Key": key})).json() for key in (BOOTSTRAP, limited, "")}
            pending = {key: health["embedding"]["pending"] for key, health in seen.items()}
            assert pending == {BOOTSTRAP: 1, limited: 0, "": 0}


def test_an_application_with_an_address_that_needs_nothing_in_particular_does_not_start() -> None:
    app, doors = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), Doors()
    app.add_route("/forgotten", lambda _: PlainTextResponse("everything"))

    with pytest.raises(RuntimeError, match="/forgotten says nobody what it needs"):
        doors.check(app.routes)


def test_a_key_of_an_admin_cannot_be_limited() -> None:
    with pytest.raises(ValueError, match="an admin key reaches all projects"):
        NewKey(name="x", scope=KeyScope.ADMIN, projects=("shop",))
