"""What is remembered of a server, and told in its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from memory_client import messages
from memory_client.messages import Message
from memory_client.offline import Answers


def initialize(version: object = "2025-06-18") -> Message:
    params: dict[str, Any] = {"protocolVersion": version}
    return messages.parsed(json.dumps({"id": 1, "method": "initialize", "params": params}).encode())


def test_before_anything_is_known_the_snapshot_is_told(tmp_path: Path) -> None:
    answers = Answers(str(tmp_path), "http://memory.lan")
    listed = answers.get(messages.request("tools/list", None))

    assert listed is not None
    assert listed["tools"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", [None, "2026-07-28"])
@pytest.mark.parametrize(
    ("method", "key"),
    [
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ],
)
def test_the_snapshot_has_every_list_of_each_era(tmp_path: Path, method: str, key: str, version: str | None) -> None:
    listed = Answers(str(tmp_path), "http://memory.lan").get(messages.request(method, version))

    assert listed is not None
    assert listed[key]


def test_what_was_said_last_is_told_and_outlives_the_process(tmp_path: Path) -> None:
    question = messages.request("tools/list", None)
    Answers(str(tmp_path / "new"), "http://memory.lan").keep(question, {"tools": [1]})
    Answers(str(tmp_path / "new"), "http://memory.lan").keep(question, {"tools": [2]})

    assert Answers(str(tmp_path / "new"), "http://memory.lan").get(question) == {"tools": [2]}
    assert Answers(str(tmp_path / "new"), "http://other.lan").get(question) != {"tools": [2]}
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_the_eras_are_told_apart(tmp_path: Path) -> None:
    answers = Answers(str(tmp_path), "http://memory.lan")
    answers.keep(messages.request("tools/list", "2026-07-28"), {"tools": ["new"], "ttlMs": 5})
    answers.keep(messages.request("tools/list", None), {"tools": ["old"]})

    assert answers.get(messages.request("tools/list", "2026-07-28")) == {"tools": ["new"], "ttlMs": 0}
    assert answers.get(messages.request("tools/list", None)) == {"tools": ["old"]}


def test_a_page_of_a_list_is_not_the_list(tmp_path: Path) -> None:
    answers = Answers(str(tmp_path), "http://memory.lan")
    page = messages.parsed(b'{"id":1,"method":"tools/list","params":{"cursor":"c"}}')
    answers.keep(page, {"tools": []})

    assert answers.get(page) is None
    assert answers.get(messages.request("tools/call", None)) is None


@pytest.mark.parametrize(
    ("asked", "told"), [("2024-11-05", "2024-11-05"), ("2031-01-01", "2025-11-25"), (7, "2025-11-25")]
)
def test_a_version_of_the_era_is_agreed_to(tmp_path: Path, asked: object, told: str) -> None:
    result = Answers(str(tmp_path), "http://memory.lan").get(initialize(asked))

    assert result is not None
    assert result["protocolVersion"] == told
    assert set(result["capabilities"]) == {"tools", "prompts", "resources"}
    assert result["capabilities"]["tools"] == {"listChanged": True}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"tools/list": 1}', b"\xff"])
def test_a_spoilt_cache_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    question = messages.request("tools/list", None)
    Answers(str(tmp_path), "http://memory.lan").keep(question, {"tools": [1]})
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)

    answers = Answers(str(tmp_path), "http://memory.lan")
    assert answers.get(question) != {"tools": [1]}
    answers.keep(question, {"tools": [3]})
    assert Answers(str(tmp_path), "http://memory.lan").get(question) == {"tools": [3]}
