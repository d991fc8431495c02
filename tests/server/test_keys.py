"""Keys through the front door: each does what it was made for on a real server, and ends when it is told to."""

import itertools
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from memory_core.key_text import is_key
from memory_core.keys import NewKey, Rotation
from memory_server import key_sql
from memory_server.key_store import KeyStore
from support.apps import MakeApp, calling
from support.keys import make_key, sending
from support.rpc import call_tool, post, tool_text
from support.servers import RunningServer, ServerDidNotStartError, environment, running_server

BOOTSTRAP = {"X-API-Key": "the key of these tests"}
MEMORY_ADD = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "memory_add", "arguments": {"content": "said by another"}},
}
_NAMES = (f"name-{number}" for number in itertools.count())


@pytest.fixture
def name() -> str:
    """One that no other test uses: they share a server, and names are never used twice."""
    return next(_NAMES)


@pytest.fixture
def anyone(server: RunningServer) -> Iterator[httpx.Client]:
    """Sends no key by itself."""
    with httpx.Client(base_url=server.url, timeout=60) as http:
        yield http


def created(http: httpx.Client, name: str, **fields: object) -> dict[str, Any]:
    answer = http.post("/admin/keys", json={"name": name, **fields}, headers=BOOTSTRAP)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def answered(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """All that tells two answers apart, but what counts requests, names them and says when they came."""
    of_each = ("date", "x-request-id", "ratelimit")
    headers = {name: value for name, value in answer.headers.items() if not name.startswith(of_each)}
    return answer.status_code, re.sub(r'"request_id":"\w+"', "", answer.text), headers


@pytest.mark.parametrize(
    ("scope", "may"), [("read", (200, 403, 403)), ("write", (200, 201, 403)), ("admin", (200, 201, 200))]
)
def test_each_scope_may_what_the_one_before_it_may(
    anyone: httpx.Client, name: str, scope: str, may: tuple[int, int, int]
) -> None:
    headers = sending(created(anyone, name, scope=scope)["key"])

    answers = (
        anyone.get("/memories", headers=headers),
        anyone.post("/memories", json={"content": f"kept by {name}"}, headers=headers),
        anyone.get("/admin/keys", headers=headers),
    )

    assert tuple(answer.status_code for answer in answers) == may


def test_a_key_is_shown_once_and_is_in_no_other_answer_no_log_and_no_file(
    server: RunningServer, anyone: httpx.Client, name: str
) -> None:
    answer = anyone.post("/admin/keys", json={"name": name}, headers=BOOTSTRAP)
    first = answer.json()["key"]
    second = anyone.post(f"/admin/keys/{name}/rotate", headers=BOOTSTRAP).json()["key"]
    for key in (first, second):
        assert anyone.get("/key", headers=sending(key)).json()["name"] == name
        anyone.get("/nothing", headers=sending(key[:-1]))
    listed = anyone.get("/admin/keys", headers=BOOTSTRAP)
    revoked = anyone.post(f"/admin/keys/{name}/revoke", headers=BOOTSTRAP)

    assert is_key(first)
    assert is_key(second)
    assert answer.headers["cache-control"] == "no-store"
    for text in (listed.text, revoked.text, server.log_text()):
        assert "cmk_" not in text
        assert name in text
    for file in server.data_dir.glob("access*"):
        for key in (first, second):
            assert key[4:-6].encode() not in file.read_bytes()


def test_a_key_tells_its_holder_what_it_may(anyone: httpx.Client, name: str) -> None:
    end = datetime(2100, 1, 2, 3, 4, 5, tzinfo=UTC)
    made = created(
        anyone, name, scope="read", projects=["shop", ""], client_id="ci", expires_at=end.isoformat(), max_bytes=5000
    )

    own = anyone.get("/key", headers=sending(made["key"])).json()

    assert datetime.fromisoformat(own.pop("at")) < end
    assert own == {
        "name": name,
        "scope": "read",
        "projects": ["shop", ""],
        "client_id": "ci",
        "expires_at": "2100-01-02T03:04:05Z",
        "replaced": False,
        "max_memories": None,
        "max_bytes": 5000,
    }


def test_a_rotation_has_no_gap(anyone: httpx.Client, name: str) -> None:
    """A machine that asks all the time, first with the old key and then with the new one, is never refused."""
    keys = [created(anyone, name)["key"]]
    refused: list[int] = []
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=anyone.base_url, timeout=60) as http:
            while not done.is_set():
                status = http.get("/key", headers=sending(keys[-1])).status_code
                if status != 200:
                    refused.append(status)

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(5):
        rotated = anyone.post(f"/admin/keys/{name}/rotate", headers=BOOTSTRAP)
        keys.append(rotated.json()["key"])
    done.set()
    asking.join()

    assert refused == []
    assert [anyone.get("/key", headers=sending(key)).json()["replaced"] for key in keys] == [True] * 5 + [False]
    (listed,) = [key for key in anyone.get("/admin/keys", headers=BOOTSTRAP).json()["keys"] if key["name"] == name]
    assert len(listed["secrets"]) == 6
    assert all(secret["last_used_at"] for secret in listed["secrets"][:4]), "so that one sees who has not changed yet"


def test_a_revoked_key_ends_at_the_next_request_whoever_revoked_it(
    server: RunningServer, anyone: httpx.Client, name: str
) -> None:
    """Also where it was another process, such as `memory-server keys revoke`."""
    beside = KeyStore(server.data_dir)
    here, there = created(anyone, name)["key"], make_key(server.data_dir, f"{name}-too")
    assert [anyone.get("/key", headers=sending(key)).status_code for key in (here, there)] == [200, 200]

    beside.revoke(name)
    anyone.post(f"/admin/keys/{name}-too/revoke", headers=BOOTSTRAP).raise_for_status()

    assert [anyone.get("/key", headers=sending(key)).status_code for key in (here, there)] == [401, 401]
    assert all(key.revoked_at for key in beside.list().keys if key.name.startswith(name))


def test_a_key_that_another_process_made_works_at_the_next_request(
    server: RunningServer, anyone: httpx.Client, name: str
) -> None:
    first = make_key(server.data_dir, name)
    second = KeyStore(server.data_dir).rotate(name, Rotation(overlap_s=0)).key

    assert anyone.get("/key", headers=sending(first)).status_code == 401
    assert anyone.get("/key", headers=sending(second)).status_code == 200


def test_wrong_expired_revoked_and_replaced_keys_get_one_answer(
    server: RunningServer, anyone: httpx.Client, name: str
) -> None:
    def long_ago() -> datetime:
        return datetime.now(UTC) - timedelta(days=9)

    past = KeyStore(server.data_dir, clock=long_ago)
    expired = past.create(NewKey(name=f"{name}-1", expires_at=long_ago() + timedelta(days=1))).key
    revoked = make_key(server.data_dir, f"{name}-2")
    replaced = make_key(server.data_dir, f"{name}-3")
    KeyStore(server.data_dir).revoke(f"{name}-2")
    KeyStore(server.data_dir).rotate(f"{name}-3", Rotation(overlap_s=0))

    answers = [answered(anyone.get("/memories", headers=sending(key))) for key in ("wrong", expired, revoked, replaced)]

    assert answers[0][0] == 401
    assert answers == [answers[0]] * 4


async def test_a_key_that_is_bound_to_a_client_speaks_for_no_other(server: RunningServer, name: str) -> None:
    key = make_key(server.data_dir, name, client_id="laptop")
    async with httpx.AsyncClient(base_url=server.url, headers=sending(key), timeout=60) as http:
        silent = await http.post("/memories", json={"content": f"{name} says nothing of itself"})
        said = await http.post("/memories", json={"content": f"{name} says it"}, headers={"X-Client-ID": "laptop"})
        in_header = await http.post("/memories", json={"content": "x"}, headers={"X-Client-ID": "desktop"})
        in_body = await http.post("/memories", json={"content": "x", "client_id": "desktop"})
        tool = await call_tool(http, "memory_add", {"content": f"{name} by a tool"})
        found = await http.get("/memories", params={"client_id": "laptop", "limit": 50})
        lying = await post(http, MEMORY_ADD, {"X-Client-ID": "desktop"})

    assert [silent.json()["client_id"], said.json()["client_id"]] == ["laptop", "laptop"]
    assert [in_header.status_code, in_body.status_code] == [403, 403]
    assert in_header.json()["detail"] == "your key speaks for the client 'laptop' and for no other"
    assert tool_text(tool).startswith("Kept as")
    assert any(memory["content"] == f"{name} by a tool" for memory in found.json()["memories"])
    assert "your key speaks for the client 'laptop' and for no other" in lying.text


def test_the_history_names_the_key(anyone: httpx.Client, name: str) -> None:
    key = created(anyone, name)["key"]
    kept = anyone.post("/memories", json={"content": f"by {name}"}, headers=sending(key)).json()

    history = anyone.get(f"/memories/{kept['id']}/history", headers=BOOTSTRAP).json()

    assert [revision["key"] for revision in history["revisions"]] == [name]


async def test_keys_of_the_right_shape_are_guessed_no_more_often_than_others(make_app: MakeApp) -> None:
    http = await make_app(api_key="k")
    made = (await http.post("/admin/keys", json={"name": "laptop"}, headers=sending("k"))).json()["key"]

    guesses = [(await http.get("/key", headers=sending(f"cmk_{n:049}"))).status_code for n in range(12)]

    assert guesses == [401] * 10 + [429] * 2
    assert (await http.get("/key", headers=sending(made))).status_code == 429


async def test_without_a_bootstrap_key_the_first_key_closes_the_server_and_is_an_admins(make_app: MakeApp) -> None:
    http = await make_app()
    assert (await http.get("/key")).json()["name"] is None

    refused = await http.post("/admin/keys", json={"name": "laptop"})
    boss = (await http.post("/admin/keys", json={"name": "boss", "scope": "admin"})).json()["key"]
    closed = await http.get("/key")
    last = await http.post("/admin/keys/boss/revoke", headers=sending(boss))
    await http.post("/admin/keys", json={"name": "deputy", "scope": "admin"}, headers=sending(boss))
    revoked = await http.post("/admin/keys/boss/revoke", headers=sending(boss))

    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert closed.status_code == 401
    assert last.status_code == 409
    assert "boss is the last key that may administer this server" in last.json()["detail"]
    assert revoked.status_code == 200


async def test_with_a_bootstrap_key_every_other_may_be_revoked(make_app: MakeApp) -> None:
    http = await make_app(api_key="k")
    http.headers.update(sending("k"))
    await http.post("/admin/keys", json={"name": "boss", "scope": "admin"})

    assert (await http.post("/admin/keys/boss/revoke")).status_code == 200
    assert (await http.get("/admin/keys")).json()["count"] == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "a b"}, "the name of a key is 1 to 64 letters"),
        ({"name": "x", "scope": "root"}, "scope is 'root'; it must be one of read, write, admin"),
        ({"name": "x", "scope": "admin", "projects": ["p"]}, "an admin key reaches all projects"),
        ({"name": "x", "projects": []}, "projects is empty, so the key would reach nothing"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at is 2020-01-01 00:00 UTC, which is over"),
        ({"name": "x", "project": "p"}, "'project' is not a parameter; did you mean 'projects'?"),
    ],
)
def test_a_key_that_cannot_be_is_refused_in_a_sentence(anyone: httpx.Client, body: object, said: str) -> None:
    answer = anyone.post("/admin/keys", json=body, headers=BOOTSTRAP)

    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_an_own_server_of_a_machine_has_its_token_and_no_keys(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    key = make_key(data, "laptop", scope="admin")
    with running_server(data, args=["--local"]) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        token = json.loads((data / "server.json").read_text())["token"]
        refused = http.post("/admin/keys", json={"name": "x"}, headers=sending(token))
        own = http.get("/key", headers=sending(token)).json()

        assert http.get("/key", headers=sending(key)).status_code == 401
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "this machine's own server has one key" in refused.json()["detail"]
    assert (own["name"], own["scope"]) == (None, "admin")


def test_named_keys_alone_let_a_server_listen_on_every_address(tmp_path: Path) -> None:
    """And revoking all of them closes it, instead of opening it."""
    data = tmp_path / "data"
    key = make_key(data, "boss", scope="admin")
    args = ["--host", "0.0.0.0"]
    with running_server(data, args=args) as server:
        url = f"http://127.0.0.1:{server.port}/key"
        named = {"Host": "memory.lan"}
        assert httpx.get(url, headers=sending(key) | named).status_code == 200
        assert httpx.get(url, headers=named).status_code == 401
        KeyStore(data).revoke("boss")
        assert httpx.get(url, headers=sending(key)).status_code == 401
        assert httpx.get(url).status_code == 401
    with running_server(data, args=args) as server:
        assert httpx.get(f"http://127.0.0.1:{server.port}/key").status_code == 401


def test_a_damaged_file_keeps_a_server_from_starting_and_says_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make_key(data, "boss", scope="admin")
    (data / "access.sqlite").write_bytes(b"")

    with pytest.raises(ServerDidNotStartError) as refused, running_server(data, api_key="k"):
        pass

    assert refused.value.code == 1
    assert "access.sqlite holds the keys and is damaged (it is empty): nobody gets in by one of them" in str(
        refused.value
    )


async def test_a_file_that_is_damaged_meanwhile_leaves_only_the_bootstrap_key(tmp_path: Path) -> None:
    async with calling(tmp_path / "data", api_key="k") as http:
        key = make_key(tmp_path / "data", "laptop")
        assert (await http.get("/key", headers=sending(key))).status_code == 200
        (tmp_path / "data" / "access.sqlite").write_bytes(b"x" * 5000)

        refused = await http.get("/key", headers=sending(key))

        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert "access.sqlite holds the keys and is damaged" in refused.json()["detail"]
        assert (await http.get("/key", headers=sending("k"))).status_code == 200
        assert (await http.get("/health")).status_code == 200


async def test_no_bootstrap_key_and_a_damaged_file_open_nothing(tmp_path: Path) -> None:
    async with calling(tmp_path / "data") as http:
        make_key(tmp_path / "data", "boss", scope="admin")
        (tmp_path / "data" / "access.sqlite").write_bytes(b"")

        assert (await http.get("/memories")).status_code == 401
        assert (await http.get("/memories", headers=sending("x"))).status_code == 503
        assert (await http.get("/health")).status_code == 200


async def test_a_restore_brings_keys_to_a_new_machine_and_none_back_on_the_old_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    async with calling(old, api_key="k") as http:
        key = make_key(old, "laptop")
        backup = (await http.post("/admin/backup", headers=sending("k"))).json()
        KeyStore(old).revoke("laptop")
    place = old / "backups" / backup["name"]

    said = restored(old, place, "--replace")
    moved = restored(new, place)

    assert backup["state"] == "verified"
    assert "access.sqlite" not in said
    assert "access.sqlite is as it was on 20" in moved
    assert moved.rstrip().endswith("revoke again what was revoked since then")
    for folder, status in ((old, 401), (new, 200)):
        async with calling(folder, api_key="k") as http:
            assert (await http.get("/key", headers=sending(key))).status_code == status


def restored(data_dir: Path, backup: Path, *options: str) -> str:
    """What the command said."""
    run = [sys.executable, "-m", "memory_server", "backup", "restore", str(backup), "--data-dir", str(data_dir)]
    return subprocess.run([*run, *options], env=environment(), capture_output=True, text=True, check=True).stdout


def test_a_key_is_found_by_an_index_however_many_there_are(tmp_path: Path) -> None:
    make_key(tmp_path)
    with KeyStore(tmp_path).file.reading() as connection:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {key_sql.HOLDER}", {"digest": b""}).fetchall()

    assert [step["detail"].split(" ")[0] for step in steps] == ["SEARCH", "SEARCH"]
