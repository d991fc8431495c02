"""With a key set, everything but /health needs it."""

import httpx
import pytest

from memory_server.auth import digest, sent_key
from support.apps import MakeApp
from support.servers import RunningServer

KEY = "the key of these tests"
ROUTES = [
    ("POST", "/memories"),
    ("GET", "/memories"),
    ("POST", "/memories/search"),
    ("POST", "/memories/purge"),
    ("GET", "/memories/0123456789ab"),
    ("PATCH", "/memories/0123456789ab"),
    ("DELETE", "/memories/0123456789ab"),
    ("POST", "/memories/0123456789ab/restore"),
    ("GET", "/memories/0123456789ab/similar"),
    ("GET", "/memories/0123456789ab/history"),
    ("GET", "/places"),
    ("POST", "/places"),
    ("GET", "/projects"),
    ("POST", "/projects/aliases"),
    ("DELETE", "/projects/aliases/github.com/acme/old"),
    ("POST", "/projects/merge"),
    ("POST", "/memories/move"),
    ("POST", "/undo"),
    ("GET", "/review"),
    ("POST", "/review/settle"),
    ("POST", "/sessions"),
    ("POST", "/sessions/summary"),
    ("GET", "/sessions"),
    ("GET", "/sessions/1a2b3c4d"),
    ("DELETE", "/sessions/1a2b3c4d"),
    ("GET", "/sessions/1a2b3c4d/shown"),
    ("POST", "/sessions/1a2b3c4d/context"),
    ("POST", "/sessions/1a2b3c4d/notes"),
    ("POST", "/sessions/1a2b3c4d/summary"),
    ("POST", "/sessions/1a2b3c4d/end"),
    ("POST", "/trash/empty"),
    ("POST", "/admin/backup"),
    ("GET", "/admin/backups"),
    ("POST", "/admin/backups/20261125T000000.000Z/verify"),
    ("GET", "/key"),
    ("POST", "/admin/keys"),
    ("GET", "/admin/keys"),
    ("POST", "/admin/keys/some.one/revoke"),
    ("POST", "/admin/keys/some.one/rotate"),
    ("GET", "/admin/diagnosis"),
    ("POST", "/admin/repair"),
    ("GET", "/admin/audit"),
    ("GET", "/stats"),
    ("GET", "/metrics"),
    ("GET", "/context"),
    ("POST", "/embeddings/backfill"),
    ("GET", "/models"),
    ("POST", "/models/use"),
    ("GET", "/export"),
    ("POST", "/import"),
    ("POST", "/admin/stop"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("POST", "/mcp"),
    ("POST", "/mcp/"),
    ("GET", "/mcp"),
    ("GET", "/nowhere"),
]


def test_every_route_is_in_this_table(server: RunningServer) -> None:
    answer = httpx.get(f"{server.url}/openapi.json", headers={"X-API-Key": KEY}).json()

    served = {(method.upper(), path) for path, methods in answer["paths"].items() for method in methods}
    tested = {(method, _template(path)) for method, path in ROUTES}
    opened = {("GET", path) for path in ("/health", "/health/live", "/health/ready")}
    assert served - opened <= tested


def _template(path: str) -> str:
    return (
        path.replace("0123456789ab", "{memory_id}")
        .replace("20261125T000000.000Z", "{name}")
        .replace("some.one", "{name}")
        .replace("1a2b3c4d", "{session_id}")
        .replace("github.com/acme/old", "{alias}")
    )


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_without_the_key_no_route_answers(make_app: MakeApp, method: str, path: str) -> None:
    http = await make_app(api_key=KEY)

    nothing = await http.request(method, path)
    wrong = await http.request(method, path, headers={"X-API-Key": "another"})
    right = await http.request(method, path, headers={"X-API-Key": KEY})
    bearer = await http.request(method, path, headers={"Authorization": f"Bearer {KEY}"})

    for refused in (nothing, wrong):
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Bearer realm="memory"'
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["code"] == "unauthorized"
    assert right.status_code != 401
    assert bearer.status_code == right.status_code


async def test_health_needs_no_key(make_app: MakeApp) -> None:
    http = await make_app(api_key=KEY)

    assert (await http.get("/health")).status_code == 200


async def test_without_a_key_set_everyone_on_the_machine_is_let_in(make_app: MakeApp) -> None:
    http = await make_app()

    assert (await http.get("/stats")).status_code == 200


async def test_who_guesses_too_often_waits_and_learns_nothing_even_from_a_right_guess(make_app: MakeApp) -> None:
    http = await make_app(api_key=KEY)

    guesses = [(await http.get("/stats", headers={"X-API-Key": f"guess {n}"})).status_code for n in range(12)]
    right = await http.get("/stats", headers={"X-API-Key": KEY})

    assert guesses == [401] * 10 + [429] * 2
    assert right.status_code == 429
    assert 1 <= int(right.headers["retry-after"]) <= 61


async def test_an_old_key_that_is_tried_again_and_again_locks_nobody_out(make_app: MakeApp) -> None:
    """One forgotten laptop behind the proxy of a house must not cost the others their memory."""
    http = await make_app(api_key=KEY)

    old = [(await http.get("/stats", headers={"X-API-Key": "last year's"})).status_code for _ in range(30)]
    right = await http.get("/stats", headers={"X-API-Key": KEY})

    assert old == [401] * 30
    assert right.status_code == 200


async def test_guesses_are_counted_beside_an_old_key(make_app: MakeApp) -> None:
    http = await make_app(api_key=KEY)

    tried = [key for number in range(12) for key in ("last year's", f"guess {number}")]

    answers = [(await http.get("/stats", headers={"X-API-Key": key})).status_code for key in tried]

    assert answers.count(401) == 10 + 8  # ten different keys, and the old one again before the last of them
    assert answers[-1] == 429


async def test_calls_without_a_key_are_no_guesses(make_app: MakeApp) -> None:
    """Watching the wrong address, or opening it in a browser, must not lock a machine out."""
    http = await make_app(api_key=KEY)

    for _ in range(12):
        assert (await http.get("/stats")).status_code == 401

    assert (await http.get("/stats", headers={"X-API-Key": KEY})).status_code == 200


def test_both_headers_are_understood() -> None:
    assert sent_key({"x-api-key": "a"}) == "a"
    assert sent_key({"authorization": "bearer  b "}) == "b"
    assert sent_key({"authorization": "Basic YTpi"}) is None
    assert sent_key({"authorization": "Bearer "}) is None
    assert sent_key({}) is None


def test_any_header_value_has_a_digest() -> None:
    assert digest("\xff\u20ac") != digest("\xff")
