"""What a key may keep, as its machines meet it: over REST, over MCP and in an import, of a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from memory_core.changes import Quota
from memory_server.limits import quota_of
from support.rpc import ACCEPT, answer_of, tool_text
from support.servers import running_server

KEY = {"X-API-Key": "k"}


@pytest.fixture
def http(tmp_path: Path) -> Iterator[httpx.Client]:
    env = {"MEMORY_QUOTA_MEMORIES": "2", "MEMORY_QUOTA_BYTES": "50", "MEMORY_LIMIT_WRITES": "off"}
    with (
        running_server(tmp_path / "data", api_key="k", env=env) as server,
        httpx.Client(base_url=server.url, headers=KEY, timeout=60) as client,
    ):
        yield client


def test_a_key_that_keeps_all_it_may_is_refused_in_the_same_words_everywhere(http: httpx.Client) -> None:
    first = http.post("/memories", json={"content": "first"}).json()["id"]
    exported = http.get("/export", params={"format": "jsonl"})
    http.post("/memories", json={"content": "second"})
    more = exported.text.replace(first, "f" * len(first))

    by_rest = http.post("/memories", json={"content": "third"})
    by_import = http.post("/import", content=more, headers={"Content-Type": "application/jsonl"})
    call = {"name": "memory_add", "arguments": {"content": "third"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    by_tool = answer_of(http.post("/mcp", json=message, headers=ACCEPT))["result"]

    sentence = "this key keeps 2 of at most 2 memories, which is no room for what was sent"
    for answer in (by_rest, by_import):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (507, "quota")
        assert problem["detail"].startswith(sentence)
        assert "retry-after" not in answer.headers
    assert by_tool["isError"]
    assert by_tool["_meta"]["claude-memory/code"] == "quota"
    assert tool_text(by_tool).startswith(sentence)
    assert http.get("/stats").json()["total_memories"] == 2


def test_reading_and_deleting_go_on_and_make_room(http: httpx.Client) -> None:
    kept = [http.post("/memories", json={"content": f"memory {number}"}).json()["id"] for number in range(2)]
    assert http.post("/memories", json={"content": "third"}).status_code == 507

    assert http.get(f"/memories/{kept[0]}").status_code == 200
    assert http.post("/memories/search", json={"query": "memory"}).json()["count"] == 2
    assert http.delete(f"/memories/{kept[0]}").status_code == 200
    assert http.post("/memories", json={"content": "third"}).status_code == 201


def test_text_that_is_too_much_is_refused_whole(http: httpx.Client) -> None:
    refused = http.post("/memories", json={"content": "x" * 51})

    assert refused.status_code == 507
    assert "keeps 0 of at most 50 bytes" in refused.json()["detail"]
    assert json.loads(http.get("/memories").text)["memories"] == []


def made(http: httpx.Client, **fields: object) -> dict[str, str]:
    """The headers of a new key."""
    return {"X-API-Key": http.post("/admin/keys", json=fields).json()["key"]}


def test_a_key_may_have_a_quota_of_its_own_across_its_projects(http: httpx.Client) -> None:
    small = made(http, name="small", max_memories=1, projects=["shop", "site"])
    large = made(http, name="large", max_memories=10)

    def keep(key: dict[str, str], content: str, project: str) -> int:
        new = {"content": content, "project_id": project}
        return http.post("/memories", json=new, headers=key).status_code

    assert [keep(small, "first", "shop"), keep(small, "second", "site")] == [201, 507]
    assert [keep(large, str(number), "shop") for number in range(4)] == [201] * 4


def test_a_file_cannot_let_another_key_pay(http: httpx.Client) -> None:
    """Its past says that the other did it; brought by a key that is no admin's, it was that key."""
    victim, importer = made(http, name="victim"), made(http, name="importer")
    kept = http.post("/memories", json={"content": "before"}, headers=victim).json()["id"]
    http.patch(f"/memories/{kept}", json={"content": "after"}, headers=victim)
    exported = http.get("/export", params={"format": "jsonl"}).text
    assert "victim" in exported
    copy = exported.replace(kept, "f" * len(kept))

    taken = http.post("/import", content=copy, headers=importer | {"Content-Type": "application/jsonl"})

    assert taken.json()["imported"] == 1, taken.text
    history = http.get(f"/memories/{'f' * len(kept)}/history").json()["revisions"]
    assert [one["key"] for one in history] == ["importer", "importer"]
    assert http.post("/memories", json={"content": "another"}, headers=victim).status_code == 201


def test_what_a_key_has_of_its_own_wins() -> None:
    default = Quota(max_memories=10, max_bytes=0)

    assert quota_of(None, None, default) == default
    assert quota_of(500, None, default) == Quota(max_memories=500)
    assert quota_of(None, 1000, default) == Quota(max_memories=10, max_bytes=1000)
    assert quota_of(0, None, default) is None, "0 is no limit, and there is nothing to count"
