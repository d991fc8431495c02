"""An approval gives something away, so the audit log has it, and who tried to approve without the right key."""

import json
from typing import Any

from support.connectors import KEY, Connector
from support.servers import RunningServer


def entries(public: RunningServer) -> list[dict[str, Any]]:
    lines = (public.data_dir / "audit.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["action"] == "POST /authorize"]


def test_an_approval_is_written_down_with_what_was_given_to_whom(public: RunningServer, connector: Connector) -> None:
    before = len(entries(public)) if (public.data_dir / "audit.jsonl").exists() else 0

    connector.connected(KEY, name="claude-on-the-web", reach="all", scope="read")

    begun, done = entries(public)[before:]
    assert (begun["outcome"], done["outcome"], done["of"]) == ("begun", "done", begun["number"])
    assert done["target"] == {"name": "claude-on-the-web", "scope": "read", "sends_to": "connector.example"}
    assert done["key"]
    assert KEY not in (public.data_dir / "audit.jsonl").read_text()


def test_a_wrong_key_on_the_page_is_a_refused_attempt(public: RunningServer, connector: Connector) -> None:
    connector.register()
    connector.open_page().approve(key="marked wrong key", reach="all")

    *_, refused = entries(public)
    assert (refused["outcome"], refused["status"]) == ("refused", 401)
    assert "marked" not in (public.data_dir / "audit.jsonl").read_text()
