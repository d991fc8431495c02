"""Sessions on a server that is a process of its own: killed in the middle of work, and asked by two windows at once."""

import concurrent.futures
from pathlib import Path

import httpx

from support import said
from support.servers import running_server

WINDOWS = ("aaaa1111-2222", "bbbb1111-2222")
ENV = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}
LAPTOP = {"X-API-Key": "k", "X-Project-ID": "shop", "X-Client-ID": "laptop"}


def test_what_was_noted_survives_a_server_that_is_killed(tmp_path: Path) -> None:
    with running_server(tmp_path, api_key="k", env=ENV) as server:
        with httpx.Client(base_url=server.url, headers=LAPTOP, timeout=60) as http:
            http.post("/memories", json={"content": "The API listens on port 8000", "memory_type": "decision"})
            told = http.post(f"/sessions/{WINDOWS[0]}/context", json={}).json()
            for text in (said.PORT_MOVED, said.GOING_ON):
                http.post(f"/sessions/{WINDOWS[0]}/notes", json={"kind": "turn", "text": text}).raise_for_status()
        server.kill()

    with (
        running_server(tmp_path, api_key="k", env=ENV) as server,
        httpx.Client(base_url=server.url, headers=LAPTOP, timeout=60) as http,
    ):
        shown = http.get("/sessions/aaaa/shown").json()["shown"]
        prompt = {"occasion": "prompt", "prompt": "Which port does the API listen on?"}
        again = http.post(f"/sessions/{WINDOWS[0]}/context", json=prompt).json()
        ended = http.post("/sessions/aaaa/end", json={}).json()

        assert shown == told["shown"]
        assert again["text"] == ""
        assert ended["decisions"][0].startswith("We decided to keep PORT")
        assert "Not yet measured" in ended["open_questions"][1]


def test_two_windows_work_at_once_and_each_has_its_own_memory(tmp_path: Path) -> None:
    def window(session: str, text: str, url: str) -> str:
        with httpx.Client(base_url=url, headers=LAPTOP, timeout=60) as http:
            for number in range(10):
                prompt = {"occasion": "prompt", "prompt": f"Which port, for the {number}th time?"}
                http.post(f"/sessions/{session}/context", json=prompt).raise_for_status()
                note = {"kind": "turn", "text": f"{text}\n\nThat was turn {number} of this window."}
                http.post(f"/sessions/{session}/notes", json=note).raise_for_status()
            memory: str = http.post(f"/sessions/{session}/end", json={}).json()["memory_id"]
            return memory

    with running_server(tmp_path, api_key="k", env=ENV) as server, concurrent.futures.ThreadPoolExecutor(2) as windows:
        texts = (said.PORT_MOVED, said.WITH_HEADINGS)
        memories = list(windows.map(window, WINDOWS, texts, [server.url] * 2))
        sessions = httpx.get(f"{server.url}/sessions", headers=LAPTOP).json()["sessions"]

    assert len(set(memories)) == 2
    assert {session["session_id"]: session["memory_id"] for session in sessions} == dict(
        zip(WINDOWS, memories, strict=True)
    )
    assert {session["told"] for session in sessions} == {0}
