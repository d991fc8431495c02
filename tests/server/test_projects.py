"""Projects over HTTP: whose key may do what with them, what is written down of it, and what a claim is worth.

What the verbs mean is in tests/contract/test_projects.py.
"""

from pathlib import Path

import httpx
import pytest

from support.apps import MakeApp, calling
from support.keys import make_key, sending
from support.rpc import call_tool, tool_text

ADMIN = "the key of these tests"
OFF = {"limit_reads": "off", "limit_writes": "off"}
OLD, NEW = "github.com/acme/old name", "github.com/acme/shop"


def detail(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["detail"])


async def test_a_limited_key_is_told_of_its_own_projects_alone(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key=ADMIN, **OFF) as http:
        for project in (OLD, NEW, "bank"):
            await http.post("/memories", json={"content": "x", "project_id": project}, headers=sending(ADMIN))
        merge = {"source": OLD, "target": NEW, "dry_run": False}
        await http.post("/projects/merge", json=merge, headers=sending(ADMIN))
        limited = make_key(tmp_path, scope="read", projects=(OLD,))

        found = (await http.get("/projects", headers=sending(limited))).json()

    assert [(each["project_id"], each["aliases"], each["memories"]) for each in found["projects"]] == [(NEW, [OLD], 2)]


async def test_a_merge_is_written_down_with_what_came_of_it(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key=ADMIN, **OFF) as http:
        await http.post("/memories", json={"content": "secret plan", "project_id": OLD}, headers=sending(ADMIN))
        merge = {"source": OLD, "target": NEW, "dry_run": False}
        done = (
            await http.post("/projects/merge", json=merge, headers=sending(ADMIN, **{"X-Reason": "renamed"}))
        ).json()
        await http.delete("/projects/aliases/github.com%2Facme%2Fold%20name", headers=sending(ADMIN))
        audit = await http.get("/admin/audit", headers=sending(ADMIN))

    entries = {entry["action"]: entry for entry in audit.json()["entries"]}
    assert entries["POST /projects/merge"]["target"] == {"source": OLD, "target": NEW, "dry_run": False}
    assert entries["POST /projects/merge"]["result"] == {
        "batch_id": done["batch_id"], "dry_run": False, "matched": 1, "moved": 1,
    }  # fmt: skip
    assert entries["DELETE /projects/aliases/{alias}"]["target"] == {"alias": OLD}
    assert "secret plan" not in audit.text


async def test_the_same_merge_again_is_done_once(make_app: MakeApp) -> None:
    http = await make_app(**OFF)
    await http.post("/memories", json={"content": "x", "project_id": "a"})
    merge = {"source": "a", "target": "b", "dry_run": False}

    first, again = [await http.post("/projects/merge", json=merge, headers={"Idempotency-Key": "k"}) for _ in range(2)]

    assert first.json()["moved"] == 1
    assert again.json() == first.json()


async def test_a_move_is_of_the_callers_project_unless_it_names_memories(make_app: MakeApp) -> None:
    http = await make_app(**OFF)
    kept = [
        (await http.post("/memories", json={"content": f"of {project}", "project_id": project})).json()["id"]
        for project in ("a", "b")
    ]
    here = {"X-Project-ID": "a"}

    some = {"to": "c", "content_contains": "of"}
    assert (await http.post("/memories/move", json=some, headers=here)).json()["matched"] == 1
    named = {"to": "c", "memory_ids": kept}
    assert (await http.post("/memories/move", json=named, headers=here)).json()["matched"] == 2
    assert "at least one filter" in detail(await http.post("/memories/move", json={"to": "c"}, headers=here), 422)


CLAIM = {"X-Project-ID": "bank"}
SENTENCE = "your key does not reach project bank; it is limited to shop"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/memories", {"content": "kept by a machine that is somewhere else"}),
        ("POST", "/memories/purge", {"content_contains": "x", "dry_run": False}),
        ("POST", "/memories/move", {"to": "shop", "content_contains": "x", "dry_run": False}),
        ("GET", "/memories", None),
        ("POST", "/memories/search", {"query": "x"}),
        ("GET", "/context", None),
        ("GET", "/stats", None),
        ("GET", "/review", None),
    ],
)
async def test_a_limited_key_in_another_project_is_told_so(
    tmp_path: Path, method: str, path: str, body: dict[str, object] | None
) -> None:
    async with calling(tmp_path, api_key=ADMIN, **OFF) as http:
        limited = make_key(tmp_path, projects=("shop",))

        outside = await http.request(method, path, json=body, headers=sending(limited, **CLAIM))
        within = await http.request(method, path, json=body, headers=sending(limited, **{"X-Project-ID": "shop"}))

    assert detail(outside, 403) == SENTENCE
    assert within.status_code in (200, 201), within.text


async def test_a_tool_tells_a_limited_key_the_same(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key=ADMIN, **OFF) as http:
        limited = make_key(tmp_path, projects=("shop",))

        for tool, arguments in (("memory_search", {"query": "x"}), ("memory_add", {"content": "x"})):
            result = await call_tool(http, tool, arguments, sending(limited, **CLAIM))
            assert (result["isError"], tool_text(result)) == (True, SENTENCE)


async def test_a_key_that_also_reaches_what_is_of_no_project_still_finds_that(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key=ADMIN, **OFF) as http:
        await http.post("/memories", json={"content": "tea at four", "project_id": None}, headers=sending(ADMIN))
        await http.post("/memories", json={"content": "tea of the bank", "project_id": "bank"}, headers=sending(ADMIN))
        limited = make_key(tmp_path, projects=("shop", ""))

        found = await http.post("/memories/search", json={"query": "tea"}, headers=sending(limited, **CLAIM))
        context = await http.get("/context", headers=sending(limited, **CLAIM))

    assert [hit["content"] for hit in found.json()["results"]] == ["tea at four"]
    assert [memory["content"] for memory in context.json()["memories"]] == ["tea at four"]


async def test_what_a_name_outside_means_is_not_said(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key=ADMIN, **OFF) as http:
        await http.post("/projects/aliases", json={"alias": "vault", "project_id": "bank"}, headers=sending(ADMIN))
        limited = make_key(tmp_path, projects=("shop", ""))
        claim = sending(limited, **{"X-Project-ID": "vault"})
        move = {"to": "vault", "tags": ["x"], "global_search": True}

        answers = [
            await http.get("/context", headers=claim),
            await http.get("/memories", headers=claim),
            await http.post("/memories", json={"content": "x"}, headers=claim),
            await http.post("/memories/move", json=move, headers=claim),
        ]

    assert [answer.status_code for answer in answers] == [200, 403, 403, 403]
    assert all("bank" not in answer.text for answer in answers)


async def test_an_old_name_goes_on_to_work_after_a_restart(tmp_path: Path) -> None:
    async with calling(tmp_path, **OFF) as http:
        await http.post("/memories", json={"content": "before", "project_id": OLD})
        await http.post("/projects/merge", json={"source": OLD, "target": NEW, "dry_run": False})

    async with calling(tmp_path, **OFF) as http:
        kept = await http.post("/memories", json={"content": "after"}, headers={"X-Project-ID": OLD})
        listed = await http.get("/memories", headers={"X-Project-ID": OLD})

    assert kept.json()["project_id"] == NEW
    assert [memory["content"] for memory in listed.json()["memories"]] == ["after", "before"]


async def test_a_model_that_works_under_an_old_name_sees_its_own_project_as_its_own(make_app: MakeApp) -> None:
    """A line names the project of a memory only where it is another one."""
    http = await make_app(**OFF)
    await http.post("/memories", json={"content": "The zebra listens on port 9001", "project_id": NEW})
    await http.post("/projects/aliases", json={"alias": OLD, "project_id": NEW})

    under_the_old = {"X-Project-ID": "github.com%2Facme%2Fold%20name"}
    said = tool_text(await call_tool(http, "memory_search", {"query": "zebra port"}, under_the_old))

    assert "port 9001" in said
    assert NEW not in said
