"""Sessions over REST, on the real application: what a session is told, what it notes, and what becomes of that."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import said
from support.apps import MakeApp, calling
from support.keys import make_key

Json = dict[str, Any]
SESSION = "11112222-3333-4444-8555-666677778888"
OTHER = "99992222-3333-4444-8555-666677778888"
LAPTOP = {"X-Project-ID": "shop", "X-Client-ID": "laptop"}
OFF = {"limit_reads": "off", "limit_writes": "off"}


@pytest.fixture
async def http(make_app: MakeApp) -> httpx.AsyncClient:
    client = await make_app(**OFF)
    client.headers.update(LAPTOP)
    return client


async def keep(http: httpx.AsyncClient, content: str, **fields: object) -> str:
    answer = await http.post("/memories", json={"content": content, "memory_type": "decision"} | fields)
    assert answer.status_code in (200, 201), answer.text
    memory_id: str = answer.json()["id"]
    return memory_id


async def told(http: httpx.AsyncClient, occasion: str, session: str = SESSION, **fields: object) -> Json:
    answer = await http.post(f"/sessions/{session}/context", json={"occasion": occasion} | fields)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


async def note(http: httpx.AsyncClient, text: str, kind: str = "turn", session: str = SESSION) -> Json:
    answer = await http.post(f"/sessions/{session}/notes", json={"kind": kind, "text": text})
    assert answer.status_code == 200, answer.text
    noted: Json = answer.json()
    return noted


async def end(http: httpx.AsyncClient, session: str = SESSION, **fields: object) -> Json:
    answer = await http.post(f"/sessions/{session}/end", json=fields)
    assert answer.status_code == 200, answer.text
    ended: Json = answer.json()
    return ended


def journal_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("sessions.sqlite*"))


def ids(told: Json) -> list[str]:
    return [shown["memory_id"] for shown in told["shown"]]


async def test_a_session_that_begins_is_told_its_name_and_what_is_known(http: httpx.AsyncClient) -> None:
    memory = await keep(http, "The API listens on port 8000")

    context = await told(http, "start")

    first, *rest = context["text"].splitlines()
    assert first == "claude-memory session 11112222, project shop."
    assert "The API listens on port 8000" in "\n".join(rest)
    assert ids(context) == [memory]
    assert context["shown"][0]["occasion"] == "start"
    assert 0 < context["tokens"] <= 1_500


async def test_where_nothing_is_known_nothing_is_said(http: httpx.AsyncClient) -> None:
    for occasion in ("start", "resume", "compact", "subagent"):
        assert (await told(http, occasion))["text"] == ""
    assert (await told(http, "prompt", prompt="Which port does the API listen on?"))["text"] == ""


async def test_a_prompt_is_told_once_what_is_relevant_to_it(http: httpx.AsyncClient) -> None:
    await told(http, "start")
    memory = await keep(http, "The API listens on port 8000")

    first = await told(http, "prompt", prompt="Which port does the API listen on?")
    second = await told(http, "prompt", prompt="And which port does the API listen on in staging?")
    other = await told(http, "prompt", OTHER, prompt="Which port does the API listen on?")

    assert ids(first) == [memory]
    assert "session" not in first["text"].splitlines()[0].replace("earlier sessions", "")
    assert first["tokens"] <= 300
    assert (second["text"], second["shown"]) == ("", [])
    assert ids(other) == [memory], "another window was not told yet"


async def test_what_was_told_at_the_start_is_not_told_again_for_a_prompt(http: httpx.AsyncClient) -> None:
    await keep(http, "The API listens on port 8000")
    await told(http, "start")

    assert (await told(http, "prompt", prompt="Which port does the API listen on?"))["text"] == ""


async def test_after_a_compaction_all_of_it_is_told_again(http: httpx.AsyncClient) -> None:
    memory = await keep(http, "The API listens on port 8000")
    await told(http, "start")

    again = await told(http, "compact")

    assert ids(again) == [memory]
    assert again["text"].startswith("claude-memory session 11112222")
    assert (await told(http, "prompt", prompt="Which port does the API listen on?"))["text"] == ""


async def test_what_a_prompt_was_told_before_a_compaction_it_may_be_told_again(http: httpx.AsyncClient) -> None:
    await told(http, "start")
    memory = await keep(http, "The API listens on port 8000", memory_type="observation")
    asked = "Which port does the API listen on?"
    await told(http, "prompt", prompt=asked)

    compacted = await told(http, "compact", max_tokens=50)  # in which it has no room

    assert ids(compacted) == []
    assert ids(await told(http, "prompt", prompt=asked)) == [memory]


async def test_a_session_that_is_resumed_is_told_what_is_new(http: httpx.AsyncClient) -> None:
    old = await keep(http, "The API listens on port 8000")
    stays = await keep(http, "Releases are on Fridays")
    assert set(ids(await told(http, "start"))) == {old, stays}
    assert (await told(http, "resume"))["text"] == ""
    new = await keep(http, "Staging is called harbour")
    await http.patch(f"/memories/{old}", json={"content": "The API listens on port 9000"})

    resumed = await told(http, "resume")

    assert set(ids(resumed)) == {new, old}, "what was told and has changed since is news"
    assert (await told(http, "resume"))["text"] == ""


async def test_a_session_that_nobody_knows_is_resumed_with_all_there_is(http: httpx.AsyncClient) -> None:
    memory = await keep(http, "The API listens on port 8000")

    assert ids(await told(http, "resume")) == [memory]


async def test_what_a_subagent_was_told_the_session_itself_was_not(http: httpx.AsyncClient) -> None:
    await told(http, "start")
    memory = await keep(http, "The API listens on port 8000")

    assert ids(await told(http, "subagent")) == [memory]
    assert ids(await told(http, "subagent")) == [memory], "each begins with nothing"
    assert ids(await told(http, "prompt", prompt="Which port does the API listen on?")) == [memory]


async def test_prompts_at_once_are_not_told_the_same(http: httpx.AsyncClient) -> None:
    memory = await keep(http, "The API listens on port 8000")
    prompts = [told(http, "prompt", prompt=f"Which port does the API listen on, in place {n}?") for n in range(8)]

    answers = await asyncio.gather(*prompts)

    assert [each for answer in answers for each in ids(answer)] == [memory]


async def test_what_was_told_is_listed_with_its_reason_and_survives_a_restart(tmp_path: Path) -> None:
    async with calling(tmp_path, **OFF) as http:
        http.headers.update(LAPTOP)
        memory = await keep(http, "The API listens on port 8000")
        await told(http, "start")
    async with calling(tmp_path, **OFF) as http:
        http.headers.update(LAPTOP)

        listed = (await http.get("/sessions/1111/shown")).json()

        assert (listed["session_id"], listed["count"]) == (SESSION, 1)
        (shown,) = listed["shown"]
        assert (shown["memory_id"], shown["occasion"], shown["section"]) == (memory, "start", "Decisions")
        assert shown["why"]
        assert (await told(http, "prompt", prompt="Which port does the API listen on?"))["text"] == ""


async def test_the_title_is_the_beginning_of_the_first_prompt_that_says_something(http: httpx.AsyncClient) -> None:
    await told(http, "start")
    for order in ("continue, please", "/clear", "yes"):
        await told(http, "prompt", prompt=order)
    await told(http, "prompt", prompt=f"<context>x</context> Move the API\nto another port, {'please ' * 40}")
    await told(http, "prompt", prompt="Something else")

    session = (await http.get("/sessions/1111")).json()

    assert session["title"].startswith("x Move the API to another port, please")
    assert len(session["title"]) == 120


async def test_what_was_noted_becomes_a_memory_when_the_session_ends(http: httpx.AsyncClient) -> None:
    await told(http, "prompt", prompt="Move the API to port 9000", agent="claude-code", directory="/src/shop")
    noted = await note(http, said.PORT_MOVED)
    assert (noted["status"], noted["summary"], noted["memory_id"]) == ("open", None, None)

    ended = await end(http, reason="prompt_input_exit")

    assert (ended["status"], ended["end_reason"], ended["written_by"]) == ("ended", "prompt_input_exit", "extract")
    assert ended["summary"].startswith("Asked: Move the API to port 9000. The API now listens on port 9000")
    assert ended["decisions"] == ["We decided to keep PORT as an override, because the staging machine still sets it."]
    assert (ended["agent"], ended["client_id"], ended["project_id"]) == ("claude-code", "laptop", "shop")
    memory = (await http.get(f"/memories/{ended['memory_id']}")).json()
    assert (memory["memory_type"], memory["topic_key"]) == ("session", f"session:{SESSION}")
    assert (memory["session_id"], memory["project_id"], memory["client_id"]) == (SESSION, "shop", "laptop")
    assert memory["tags"] == ended["topics"] == ["config.py", "test_config.py"]


async def test_the_next_session_goes_on_where_the_last_one_ended(http: httpx.AsyncClient) -> None:
    await note(http, said.PORT_MOVED)
    await end(http)

    context = await told(http, "start", OTHER)

    assert "The API now listens on port 9000" in context["text"]
    assert "Should the old port keep answering" in context["text"]


async def test_a_session_in_which_nothing_was_noted_leaves_no_memory(http: httpx.AsyncClient) -> None:
    await told(http, "start")

    ended = await end(http)

    assert (ended["status"], ended["memory_id"], ended["summary"]) == ("ended", None, None)
    assert (await http.get("/memories")).json()["count"] == 0


async def test_nor_does_one_in_which_nothing_was_said(http: httpx.AsyncClient) -> None:
    await note(http, said.SMALL_TALK_ONLY)

    assert (await end(http))["memory_id"] is None


async def test_a_compaction_makes_the_memory_at_once_and_the_end_brings_it_up_to_date(http: httpx.AsyncClient) -> None:
    compacted = await note(http, said.COMPACTED, "compaction")
    assert compacted["written_by"] == "extract"
    assert "Document the limits in the README" in compacted["open_questions"]
    await note(http, "The limits are documented in the README, and Retry-After was added to the 429 answers.")

    ended = await end(http)

    assert ended["memory_id"] == compacted["memory_id"]
    assert ended["open_questions"] == []
    history = (await http.get(f"/memories/{ended['memory_id']}/history")).json()
    assert history["count"] == 2


async def test_the_same_again_changes_nothing(http: httpx.AsyncClient) -> None:
    """A laptop that heard no answer sends again what it sent."""
    headers = {"Idempotency-Key": "one"}
    body = {"kind": "compaction", "text": said.COMPACTED}
    first = (await http.post(f"/sessions/{SESSION}/notes", json=body, headers=headers)).json()
    again = (await http.post(f"/sessions/{SESSION}/notes", json=body, headers=headers)).json()
    ended = [await end(http), await end(http)]

    assert again == first
    assert ended[0] == ended[1]
    history = (await http.get(f"/memories/{first['memory_id']}/history")).json()
    assert history["count"] == 1


async def test_the_agents_own_words_stay_whatever_is_noted_afterwards(http: httpx.AsyncClient) -> None:
    await note(http, said.PORT_MOVED)
    await note(http, said.COMPACTED, "compaction")
    own = {"summary": "Port 9000 it is.", "decisions": ["9000"], "open_questions": ["redirect?"], "topics": ["port"]}

    answer = await http.post("/sessions/1111/summary", json=own)
    await note(http, said.COMPACTED_DONE, "compaction")
    ended = await end(http)

    assert answer.status_code == 200
    assert {name: ended[name] for name in own if name != "topics"} == {k: v for k, v in own.items() if k != "topics"}
    assert "port" in ended["topics"]
    assert ended["written_by"] == "agent"


async def test_what_a_person_made_of_the_memory_stays_too(http: httpx.AsyncClient) -> None:
    memory = (await note(http, said.COMPACTED, "compaction"))["memory_id"]
    await http.patch(f"/memories/{memory}", json={"content": "My own words"})

    await note(http, said.COMPACTED_DONE, "compaction")

    session = (await http.get("/sessions/1111")).json()
    assert (session["summary"], session["memory_id"]) == ("My own words", memory)


async def test_a_memory_that_was_thrown_away_is_not_made_again(http: httpx.AsyncClient) -> None:
    memory = (await note(http, said.COMPACTED, "compaction"))["memory_id"]
    await http.delete(f"/memories/{memory}")

    noted = await note(http, said.COMPACTED_DONE, "compaction")

    assert (noted["memory_id"], noted["summary"], noted["written_by"]) == (None, None, None)
    assert (await http.get("/memories")).json()["count"] == 0


async def test_a_session_that_goes_on_after_its_end_is_open_again(http: httpx.AsyncClient) -> None:
    await note(http, said.PORT_MOVED)
    await end(http, reason="exit")

    await told(http, "resume")

    session = (await http.get("/sessions/1111")).json()
    assert (session["status"], session["ended_at"], session["end_reason"]) == ("open", None, None)


async def test_a_note_that_the_end_has_overtaken_is_in_the_summary(http: httpx.AsyncClient) -> None:
    """Agents run the hook that brings it in the background, and may end meanwhile."""
    await told(http, "start")
    await end(http, reason="other")

    noted = await note(http, "The exporter waits for the lock now. We decided to keep the old format for a year.")

    assert noted["status"] == "ended"
    assert "keep the old format" in noted["decisions"][0]


async def test_an_end_that_comes_late_does_not_close_what_was_opened_again(http: httpx.AsyncClient) -> None:
    await note(http, said.PORT_MOVED)

    late = await http.post(f"/sessions/{SESSION}/end", json={}, headers={"X-Written-Ago": "3600"})

    assert late.json()["status"] == "open"
    assert late.json()["written_by"] == "extract", "what was noted is kept all the same"


async def test_secrets_are_in_neither_the_journal_nor_the_memory(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    async with calling(tmp_path, **OFF) as http:
        await told(http, "prompt", prompt=f"Use {secret} for the API")
        await note(http, f"We decided to use {secret} as the token of the pipeline, and stored it.")
        ended = await end(http, reason=f"because {secret}")

    assert "[redacted:" in ended["title"]
    assert "[redacted:" in ended["decisions"][0]
    assert secret.encode() not in journal_bytes(tmp_path)


async def test_a_summary_without_a_name_is_of_the_one_open_session(http: httpx.AsyncClient) -> None:
    await told(http, "start")

    named = await http.post("/sessions/1111/summary", json={"summary": "About ports"})

    assert named.json()["session_id"] == SESSION
    assert (await http.post("/sessions/1111/summary", json={})).status_code == 422


async def test_sessions_are_listed_the_latest_first_page_by_page(http: httpx.AsyncClient) -> None:
    for number in range(5):
        await http.post("/sessions", json={"session_id": f"session-{number}", "title": f"number {number}"})
    await http.post("/sessions", json={"session_id": "elsewhere"}, headers={"X-Project-ID": "garden"})

    pages, cursor = [], None
    while True:
        page = (await http.get("/sessions", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        pages.append([session["session_id"] for session in page["sessions"]])
        if not (cursor := page["next_cursor"]):
            break

    assert pages == [["session-4", "session-3"], ["session-2", "session-1"], ["session-0"]]
    everywhere = (await http.get("/sessions", params={"global_search": True})).json()
    assert (everywhere["count"], everywhere["sessions"][0]["session_id"]) == (6, "elsewhere")
    await end(http, "session-3")
    opened = (await http.get("/sessions", params={"status": "ended"})).json()
    assert [session["session_id"] for session in opened["sessions"]] == ["session-3"]
    assert (await http.get("/sessions", params={"client_id": "desk"})).json()["count"] == 0


async def test_a_list_shows_what_each_came_to_as_its_memory_says_it_now(http: httpx.AsyncClient) -> None:
    memories = []
    for number in range(5):
        await note(http, f"The door number {number} was painted.", session=f"session-{number}")
        memories.append((await end(http, f"session-{number}"))["memory_id"])
    await http.patch(f"/memories/{memories[1]}", json={"content": "Edited"})
    await http.delete(f"/memories/{memories[3]}")

    listed = (await http.get("/sessions")).json()["sessions"]

    assert [session["summary"] for session in listed] == [
        "The door number 4 was painted.",
        None,
        "The door number 2 was painted.",
        "Edited",
        "The door number 0 was painted.",
    ]
    assert listed == [(await http.get(f"/sessions/{session['session_id']}")).json() for session in listed]


async def test_a_session_is_named_by_the_beginning_of_its_id_if_that_is_one_session(http: httpx.AsyncClient) -> None:
    for session in (SESSION, SESSION.replace("8888", "9999"), "abc"):
        await told(http, "start", session)

    answers = {
        name: (await http.get(f"/sessions/{name}")).status_code
        for name in (SESSION, "11112222", "abc", "abcd", "ab", "1111", "nothing")
    }

    assert answers == {SESSION: 200, "11112222": 409, "abc": 200, "abcd": 404, "ab": 404, "1111": 409, "nothing": 404}


async def test_where_two_sessions_begin_alike_the_start_names_the_whole_id(http: httpx.AsyncClient) -> None:
    await keep(http, "The API listens on port 8000")
    await told(http, "start")
    twin = SESSION.replace("8888", "9999")

    assert (await told(http, "start", twin))["text"].startswith(f"claude-memory session {twin}, project shop.")


async def test_a_session_that_is_dropped_leaves_its_memory(http: httpx.AsyncClient) -> None:
    await note(http, said.PORT_MOVED)
    memory = (await end(http))["memory_id"]

    gone = await http.delete("/sessions/1111")

    assert gone.json()["session_id"] == SESSION
    assert (await http.get(f"/sessions/{SESSION}")).status_code == 404
    assert (await http.get(f"/memories/{memory}")).status_code == 200


async def test_nothing_that_was_dropped_is_left_in_the_file(tmp_path: Path) -> None:
    async with calling(tmp_path, **OFF) as http:
        await note(http, "The zebra was moved to the other stable.")
        await http.delete(f"/sessions/{SESSION}")

    assert b"zebra" not in journal_bytes(tmp_path)


async def test_a_key_of_another_project_finds_no_session_here(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key="k", **OFF) as http:
        http.headers.update(LAPTOP | {"X-API-Key": "k"})
        await told(http, "start")
        garden = {"X-API-Key": make_key(tmp_path, projects=("garden",)), "X-Project-ID": "garden"}
        body = {"kind": "turn", "text": "mine"}

        answers = [
            await http.get(f"/sessions/{SESSION}", headers=garden),
            await http.get(f"/sessions/{SESSION}/shown", headers=garden),
            await http.post(f"/sessions/{SESSION}/context", json={}, headers=garden),
            await http.post(f"/sessions/{SESSION}/notes", json=body, headers=garden),
            await http.post(f"/sessions/{SESSION}/summary", json={"summary": "mine"}, headers=garden),
            await http.post(f"/sessions/{SESSION}/end", json={}, headers=garden),
            await http.delete(f"/sessions/{SESSION}", headers=garden),
        ]
        listed = await http.get("/sessions", params={"global_search": True}, headers=garden)

        assert [answer.status_code for answer in answers] == [404] * 7
        assert listed.json()["count"] == 0
        assert (await http.get(f"/sessions/{SESSION}")).json()["status"] == "open"


async def test_of_what_a_session_was_told_a_limited_key_sees_what_it_reaches(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key="k", **OFF) as http:
        http.headers.update(LAPTOP | {"X-API-Key": "k"})
        within = await keep(http, "The API listens on port 8000")
        without = await keep(http, "Everyone writes British English", project_id=None)
        assert set(ids(await told(http, "start"))) == {within, without}

        limited = {"X-API-Key": make_key(tmp_path, projects=("shop",), scope="read")}
        seen = (await http.get(f"/sessions/{SESSION}/shown", headers=limited)).json()

        assert ids(seen) == [within]


async def test_a_key_of_one_machine_does_not_speak_in_the_sessions_of_another(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key="k", **OFF) as http:
        http.headers.update(LAPTOP | {"X-API-Key": "k"})
        await told(http, "start")
        desk = {"X-API-Key": make_key(tmp_path, client_id="desk"), "X-Client-ID": "desk"}
        body = {"kind": "turn", "text": "mine"}

        noted = await http.post(f"/sessions/{SESSION}/notes", json=body, headers=desk)
        seen = await http.get(f"/sessions/{SESSION}", headers=desk)
        own = await http.post(f"/sessions/{OTHER}/notes", json=body, headers=desk)

        assert (noted.status_code, seen.status_code, own.status_code) == (403, 200, 200)
        assert "speaks for the client 'desk'" in noted.json()["detail"]
        assert own.json()["client_id"] == "desk"


async def test_a_key_that_only_reads_is_told_and_notes_nothing(tmp_path: Path) -> None:
    async with calling(tmp_path, api_key="k", **OFF) as http:
        http.headers.update(LAPTOP)
        reader = {"X-API-Key": make_key(tmp_path, scope="read")}

        context = await http.post(f"/sessions/{SESSION}/context", json={}, headers=reader)
        noted = await http.post(f"/sessions/{SESSION}/notes", json={"kind": "turn", "text": "x"}, headers=reader)

        assert (context.status_code, noted.status_code) == (200, 403)


async def test_context_counts_as_a_read_and_a_note_as_a_write(make_app: MakeApp) -> None:
    http = await make_app(api_key="k", limit_reads="3/minute", limit_writes="1/minute")
    http.headers.update(LAPTOP | {"X-API-Key": "k"})

    contexts = [
        (await http.post(f"/sessions/{SESSION}/context", json={"occasion": "prompt", "prompt": "x"})).status_code
        for _ in range(4)
    ]
    notes = [
        (await http.post(f"/sessions/{SESSION}/notes", json={"kind": "turn", "text": f"{n}"})).status_code
        for n in range(2)
    ]

    assert contexts == [200, 200, 200, 429]
    assert notes == [200, 429]


async def test_a_damaged_journal_says_so_and_nothing_else_suffers(tmp_path: Path) -> None:
    (tmp_path / "sessions.sqlite").write_bytes(b"this is no database at all, and long enough to be looked at" * 20)
    async with calling(tmp_path, **OFF) as http:
        http.headers.update(LAPTOP)
        await keep(http, "The API listens on port 8000")

        begun = await told(http, "start")
        refused = await http.post(f"/sessions/{SESSION}/context", json={"occasion": "prompt", "prompt": "which port?"})

        assert "port 8000" in begun["text"], "what is in memory is told all the same"
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert "no memory is in it: move it away" in refused.json()["detail"]
        assert (await http.get("/context")).json()["has_context"]
        assert (await http.get("/health/ready")).status_code == 200
        assert "move it away" in (await http.get("/admin/diagnosis")).json()["sessions"]
        assert (await http.post("/admin/backup")).status_code == 201
        (tmp_path / "sessions.sqlite").unlink()
        assert (await told(http, "start"))["text"], "and once it is moved away, sessions go on"
        assert (await http.get("/admin/diagnosis")).json()["sessions"] is None


async def test_where_notes_are_switched_off_only_the_agents_own_words_are_kept(tmp_path: Path) -> None:
    async with calling(tmp_path, session_notes=False, **OFF) as http:
        await told(http, "prompt", prompt="Move the zebra to port 9000")
        await note(http, said.COMPACTED.replace("billing", "zebra"), "compaction")
        ended = await end(http)
        own = await http.post("/sessions/1111/summary", json={"summary": "Port 9000 it is."})

    assert (ended["title"], ended["summary"], ended["memory_id"]) == (None, None, None)
    assert own.json()["summary"] == "Port 9000 it is."
    assert b"zebra" not in journal_bytes(tmp_path)


async def test_a_journal_that_is_locked_by_another_program_says_so(tmp_path: Path) -> None:
    async with calling(tmp_path, **OFF) as http:
        http.headers.update(LAPTOP)
        await told(http, "start")
        other = sqlite3.connect(tmp_path / "sessions.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        refused = await http.post(f"/sessions/{SESSION}/notes", json={"kind": "turn", "text": "Moved the port."})
        other.close()

        assert refused.status_code == 503
        assert "is being changed by another program; try again" in refused.json()["detail"]
        assert (await told(http, "start"))["session_id"] == SESSION


async def test_a_backup_has_the_journal_too(tmp_path: Path) -> None:
    async with calling(tmp_path, **OFF) as http:
        await note(http, said.PORT_MOVED)

        made = (await http.post("/admin/backup")).json()

        (copy,) = (tmp_path / "backups").glob(f"{made['name']}*/sessions.sqlite")
        with sqlite3.connect(copy) as connection:
            assert connection.execute("SELECT session_id FROM sessions").fetchall() == [(SESSION,)]
        connection.close()
