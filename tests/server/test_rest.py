"""Routes decode, call and encode; what the verbs mean is tested in tests/contract."""

import httpx
import pytest
from fastapi import FastAPI

from support.apps import MakeApp
from support.servers import RunningServer

FORM = {"content-type": "application/x-www-form-urlencoded"}


def add(http: httpx.Client, content: str, headers: dict[str, str] | None = None, **fields: object) -> dict[str, object]:
    answer = http.post("/memories", json={"content": content, **fields}, headers=headers)
    assert answer.status_code == 201, answer.text
    kept: dict[str, object] = answer.json()
    return kept


def detail(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:claude-memory:{problem['code']}"
    return str(problem["detail"])


def test_health_is_open_and_says_nothing_secret(server: RunningServer) -> None:
    answer = httpx.get(f"{server.url}/health")

    assert answer.status_code == 200
    assert set(answer.json()) == {"status", "version", "embedding", "reranker"}
    assert str(server.data_dir) not in answer.text


def test_the_json_keys_are_those_of_the_documentation(http: httpx.Client) -> None:
    kept = add(http, "We deploy on Fridays", memory_type="decision", tags=["deploy"], project_id="p", source="chat")

    assert kept["content"] == "We deploy on Fridays"
    assert {"id", "memory_type", "tags", "source", "project_id", "client_id", "certainty_score", "created_at"} <= {
        *kept
    }
    assert (kept.pop("outcome"), kept.pop("alike"), kept.pop("redacted")) == ("created", [], [])
    assert http.get(f"/memories/{kept['id']}").json() == kept


def test_a_memory_is_changed_deleted_and_brought_back(http: httpx.Client) -> None:
    kept = add(http, "draft")
    path = f"/memories/{kept['id']}"

    changed = http.patch(path, json={"content": "final"}).json()
    deleted = http.delete(path).json()
    gone = http.get(path)
    restored = http.post(f"{path}/restore").json()

    assert (changed["content"], changed.pop("redacted")) == ("final", [])
    assert (deleted["deleted"], deleted["memory"]["content"]) == (kept["id"], "final")
    assert "trash" in detail(gone, 404)
    assert restored == changed | {"revision": 4}


def test_the_headers_stand_in_for_client_and_project(http: httpx.Client) -> None:
    headers = {"X-Client-ID": "m%C3%BCnchen", "X-Project-ID": "github.com/acme/caf%C3%A9%20site"}

    kept = add(http, "from a header", headers)

    assert (kept["client_id"], kept["project_id"]) == ("münchen", "github.com/acme/café site")


def test_the_body_wins_over_the_headers(http: httpx.Client) -> None:
    headers = {"X-Client-ID": "header", "X-Project-ID": "header"}

    named = add(http, "named", headers, client_id="body", project_id="body")
    none = add(http, "of no project", headers, project_id=None)

    assert (named["client_id"], named["project_id"]) == ("body", "body")
    assert (none["client_id"], none["project_id"]) == ("header", None)


def test_a_header_project_limits_search_list_context_and_stats(http: httpx.Client) -> None:
    mine, other = {"X-Project-ID": "mine-only"}, {"X-Project-ID": "other-only"}
    add(http, "the walrus is mine", mine)

    def seen(headers: dict[str, str], **more: object) -> list[int]:
        search = http.post("/memories/search", json={"query": "walrus", **more}, headers=headers).json()
        return [search["count"]]

    assert (seen(mine), seen(other), seen(other, global_search=True)) == ([1], [0], [1])
    assert http.get("/memories", headers=mine).json()["count"] == 1
    assert http.get("/memories", headers=other).json()["count"] == 0
    assert "walrus" in http.get("/context", headers=mine).json()["summary"]
    assert "walrus" not in http.get("/context", headers=other).json()["summary"]
    assert http.get("/stats", headers=mine).json()["total_memories"] == 1


def test_query_parameters_repeat_for_lists_and_are_empty_for_null(http: httpx.Client) -> None:
    add(http, "both", tags=["qa", "qb"], project_id="query")
    add(http, "one", tags=["qa"])

    every = http.get("/memories", params={"tags": ["qa", "qb"]}).json()
    both = http.get("/memories", params={"tags": ["qa", "qb"], "tags_match": "all"}).json()
    of_no_project = http.get("/memories?tags=qa&project_id=").json()

    assert (every["count"], both["count"]) == (2, 1)
    assert [memory["content"] for memory in of_no_project["memories"]] == ["one"]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"{", 400, "the body is not JSON"),
        (b'{"content":"\xff"}', 400, "the body is not JSON"),
        (b"[]", 422, "the body: expected an object, got a list"),
        (b"{}", 422, "content is missing"),
        (b'{"content":" "}', 422, "content is empty; a memory needs some text"),
        (
            b'{"content":"x","tag":"y"}',
            422,
            "'tag' is not a parameter; did you mean 'tags'? Allowed: content",
        ),
        (b'{"content":"x","tags":"y"}', 422, "tags: expected a list, got text"),
        (b'{"content":"x","tags":[1]}', 422, "tags: expected text, got a whole number"),
        (b'{"content":"x","memory_type":"idea"}', 422, "memory_type is 'idea'; it must be one of fact, decision, pref"),
        (b'{"content":"x","certainty_score":7}', 422, "certainty_score is 7.0; it goes from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence_that_helps(
    http: httpx.Client, body: bytes, status: int, sentence: str
) -> None:
    answer = http.post("/memories", content=body, headers={"content-type": "application/json"})

    assert detail(answer, status).startswith(sentence)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=many", "limit: expected a whole number, got text"),
        ("limit=201", "limit is 201; it goes from 1 to 200"),
        ("limit=5&limit=", "limit is given more than once"),
        ("projekt_id=x", "'projekt_id' is not a parameter; did you mean 'project_id'?"),
        ("memory_type=idea", "memory_type is 'idea'; it must be one of fact"),
        ("created_after=yesterday", "created_after: expected a time such as 2026-11-23T08:30:00Z"),
    ],
)
def test_query_parameters_are_checked_too(http: httpx.Client, query: str, sentence: str) -> None:
    assert detail(http.get(f"/memories?{query}"), 422).startswith(sentence)


def test_a_header_that_is_no_text_is_refused(http: httpx.Client) -> None:
    answer = http.post("/memories", json={"content": "x"}, headers={"X-Project-ID": "%FF"})
    control = http.post("/memories", json={"content": "x"}, headers={"X-Project-ID": "a%0Ab"})

    assert "x-project-id is not percent-encoded UTF-8" in detail(answer, 422)
    assert "project_id contains a control character" in detail(control, 422)


def test_a_form_is_not_json(http: httpx.Client) -> None:
    """Browsers send forms of foreign pages without asking first."""
    assert "send application/json" in detail(http.post("/memories", content=b"{}", headers=FORM), 415)


def test_a_body_beyond_the_limit_is_refused(http: httpx.Client) -> None:
    answer = http.post("/memories", json={"content": "x" * (1 << 20)})

    assert "1,048,576 bytes" in detail(answer, 413)


def test_unknown_addresses_and_methods_are_problems_too(http: httpx.Client) -> None:
    wrong_method = http.put("/memories", json={})

    assert "nothing at this address" in detail(http.get("/nowhere"), 404)
    assert "GET, POST, HEAD" in detail(wrong_method, 405)
    assert wrong_method.headers["allow"] == "GET, POST, HEAD"


def test_what_can_be_read_can_be_asked_for_without_its_body(http: httpx.Client) -> None:
    one = f"/memories/{add(http, 'headed')['id']}"

    assert [http.head(path).status_code for path in ("/health", "/stats", "/memories", one)] == [200] * 4
    assert http.head("/memories/0123456789abcdef").status_code == 404


async def test_what_fastapi_refuses_by_itself_is_a_problem_too(make_app: MakeApp) -> None:
    """No route of today lets it, but the next one may."""
    http = await make_app()

    async def numbered(number: int) -> None:
        raise NotImplementedError

    assert isinstance(http._transport, httpx.ASGITransport)
    assert isinstance(http._transport.app, FastAPI)
    http._transport.app.add_api_route("/numbers/{number}", numbered)

    assert detail(await http.get("/numbers/many"), 422).startswith("number: Input should be a valid integer")


@pytest.mark.parametrize("memory_id", ["0123456789abcdef", "abc", "not-an-id", "..%2f..%2fetc"])
def test_an_id_that_names_nothing_is_a_sentence(http: httpx.Client, memory_id: str) -> None:
    answer = http.get(f"/memories/{memory_id}")

    assert answer.status_code in (404, 422)
    assert answer.json()["detail"]


def test_an_export_can_be_taken_in_again(http: httpx.Client, server: RunningServer) -> None:
    add(http, "to be exported")

    exported = http.get("/export")
    taken = http.post("/import", content=exported.content, headers={"content-type": "application/vnd.apache.parquet"})

    assert exported.content.startswith(b"PAR1")
    assert taken.json() == {
        "imported": 0,
        "unchanged": int(exported.headers["x-memory-count"]),
        "conflicts": [],
        "in_trash": 0,
        "batch_id": None,
        "dry_run": False,
        "remarks": [],
        "redacted": 0,
    }
    assert list(server.data_dir.glob(".transfer-*")) == []


def test_what_is_no_export_is_refused_and_leaves_nothing_behind(http: httpx.Client, server: RunningServer) -> None:
    parquet = {"content-type": "application/octet-stream"}

    assert detail(http.post("/import", content=b"PAR1 nonsense", headers=parquet), 422)
    assert detail(http.post("/import", content=b"x", headers=FORM), 415)
    assert list(server.data_dir.glob(".transfer-*")) == []


async def test_an_import_has_a_limit_of_its_own(make_app: MakeApp) -> None:
    http = await make_app(max_body_bytes=1024, max_import_bytes=4096)
    parquet = {"content-type": "application/octet-stream"}

    within = await http.post("/import", content=b"x" * 4096, headers=parquet)
    beyond = await http.post("/import", content=b"x" * 4097, headers=parquet)

    assert (within.status_code, beyond.status_code) == (422, 413)
