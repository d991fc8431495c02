"""What each event of an agent means, from the JSON that it documents."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_client.hook_events import Request, directory_of, mode_of, printed, request_of
from memory_core.sessions import MAX_NOTE_CHARS, MAX_PROMPT_CHARS
from support.hooked import SESSION, TEXT, event


def asked(document: dict[str, object], name: str | None = None, *, mode: str = "all") -> Request | str:
    return request_of(document, event=name, mode=mode, directory="/home/u/shop", agent=None)


def request(document: dict[str, object], name: str | None = None) -> Request:
    found = asked(document, name)
    assert isinstance(found, Request), found
    return found


CONTEXTS = [
    (event("SessionStart", source="startup", model="m"), {"occasion": "start"}),
    (event("SessionStart", source="clear"), {"occasion": "start"}),
    (event("SessionStart", source="fork"), {"occasion": "start"}),
    (event("SessionStart", source="of a later version"), {"occasion": "start"}),
    (event("SessionStart"), {"occasion": "start"}),
    (event("SessionStart", source="resume"), {"occasion": "resume"}),
    (event("SessionStart", source="compact"), {"occasion": "compact"}),
    (event("UserPromptSubmit", prompt=" Why Fridays? "), {"occasion": "prompt", "prompt": "Why Fridays?"}),
    (event("SubagentStart", agent_id="a1", agent_type="Explore"), {"occasion": "subagent"}),
]


@pytest.mark.parametrize(("said", "body"), CONTEXTS)
def test_an_event_of_claude_code_asks_for_context(said: dict[str, object], body: dict[str, object]) -> None:
    found = request(said)

    assert found.path == f"/sessions/{SESSION}/context"
    assert found.body == {**body, "agent": "claude-code", "directory": "/home/u/shop"}
    assert not found.writes


@pytest.mark.parametrize(
    ("said", "path", "body"),
    [
        (
            event("Stop", stop_hook_active=False, last_assistant_message="It is done."),
            "notes",
            {"kind": "turn", "text": "It is done."},
        ),
        (
            event("Stop", stop_hook_active=True, last_assistant_message="And that, too."),
            "notes",
            {"kind": "turn", "text": "And that, too."},
        ),
        (
            event("PostCompact", trigger="auto", compact_summary="We chose DuckDB."),
            "notes",
            {"kind": "compaction", "text": "We chose DuckDB."},
        ),
        (event("SessionEnd", reason="prompt_input_exit"), "end", {"reason": "prompt_input_exit"}),
        (event("SessionEnd"), "end", {}),
        (event("Stop", last_assistant_message="Done.", agent_id=None), "notes", {"kind": "turn", "text": "Done."}),
    ],
)
def test_an_event_of_claude_code_keeps_something(said: dict[str, object], path: str, body: dict[str, object]) -> None:
    found = request(said)

    assert found.path == f"/sessions/{SESSION}/{path}"
    assert found.body == body
    assert found.writes


@pytest.mark.parametrize(
    "said",
    [
        event("UserPromptSubmit", prompt=""),
        event("UserPromptSubmit", prompt="  \n"),
        event("UserPromptSubmit"),
        event("UserPromptSubmit", prompt=["text"]),
        event("UserPromptSubmit", prompt="/compact keep the decisions"),
        event("UserPromptSubmit", prompt="/plugin:name"),
        event("UserPromptSubmit", prompt="!ls -la"),
        event("Stop"),
        event("Stop", last_assistant_message=None),
        event("Stop", last_assistant_message="  "),
        event("Stop", last_assistant_message="Found it.", agent_id="a1"),
        event("PostCompact", trigger="auto"),
        event("PostCompact", compact_summary="In a subagent.", agent_id="a1"),
        event("SubagentStop", last_assistant_message="Found it.", agent_id="a1"),
        event("PreToolUse", tool_name="Bash"),
        event("SessionStart", session_id=""),
        event("SessionStart", session_id=7),
        event("SessionStart", session_id="x" * 300),
        event("SessionStart", session_id="a\nb"),
        {},
    ],
)
def test_what_is_nothing_to_memory_is_not_sent(said: dict[str, object]) -> None:
    assert isinstance(asked(said), str)


def test_a_path_at_the_beginning_of_a_prompt_is_no_command() -> None:
    for prompt in ("/etc/hosts is wrong, why?", "/var/log fills up", "/README.md is out of date"):
        assert request(event("UserPromptSubmit", prompt=prompt)).body["prompt"] == prompt


def test_of_a_long_prompt_both_ends_are_sent() -> None:
    prompt = str(request(event("UserPromptSubmit", prompt=f"Why?{'x' * 9_000}Be brief.")).body["prompt"])

    assert len(prompt) <= MAX_PROMPT_CHARS
    assert prompt.startswith("Why?")
    assert prompt.endswith("Be brief.")


def test_of_a_long_turn_both_ends_are_kept() -> None:
    text = str(request(event("Stop", last_assistant_message=f"Done.{'x' * 90_000}Next: docs")).body["text"])

    assert len(text) <= MAX_NOTE_CHARS
    assert text.startswith("Done.")
    assert text.endswith("Next: docs")


def test_the_name_of_the_event_may_stand_on_the_command_line() -> None:
    assert request({"session_id": "s"}, "SessionStart").event == "SessionStart"
    renamed = request(event("UserPromptExpansion", prompt="Why?"), "UserPromptSubmit")
    assert (renamed.body["occasion"], renamed.event) == ("prompt", "UserPromptExpansion")


@pytest.mark.parametrize(
    ("said", "agent", "meaning"),
    [
        (event("SessionStart", source="startup", transcript_path="/home/u/.codex/s.jsonl"), "codex", "start"),
        (event("BeforeAgent", prompt="Why?", timestamp="t"), "gemini-cli", "prompt"),
        (event("SessionStart", transcript_path="/home/u/.gemini/tmp/x.json"), "gemini-cli", "start"),
        (
            {"hook_event_name": "sessionStart", "conversation_id": "c", "cursor_version": "3.7", "workspace_roots": []},
            "cursor",
            "start",
        ),
    ],
)
def test_other_agents_are_known_by_what_they_say(said: dict[str, object], agent: str, meaning: str) -> None:
    body = request(said).body

    assert (body["agent"], body["occasion"]) == (agent, meaning)


def test_other_agents_keep_what_they_name_otherwise() -> None:
    gemini = request(event("AfterAgent", prompt="Why?", prompt_response="Because.", stop_hook_active=False))
    cursor = request({"hook_event_name": "afterAgentResponse", "conversation_id": "c", "text": "Because."})

    assert gemini.body == cursor.body == {"kind": "turn", "text": "Because."}
    assert cursor.path == "/sessions/c/notes"


def test_an_agent_may_be_named() -> None:
    found = request_of(event("SessionStart"), event=None, mode="all", directory=None, agent="mine")

    assert isinstance(found, Request)
    assert found.body == {"occasion": "start", "agent": "mine"}


def test_the_directory_is_that_of_the_project_not_where_the_agent_went() -> None:
    said: dict[str, object] = {"cwd": "/home/u/shop/src", "workspace_roots": ["/home/u/other"]}

    assert directory_of(said, {"CLAUDE_PROJECT_DIR": "/home/u/shop"}) == "/home/u/shop"
    assert directory_of(said, {}) == "/home/u/shop/src"
    assert directory_of({"workspace_roots": ["/home/u/other"]}, {}) == "/home/u/other"
    assert directory_of({"cwd": None}, {}) is None


@pytest.mark.parametrize(
    ("said", "mode"), [("", "all"), ("all", "all"), (" Context ", "context"), ("off", "off"), ("OFF", "off")]
)
def test_the_switch_has_three_positions(said: str, mode: str) -> None:
    assert mode_of({"MEMORY_HOOKS": said}) == (mode, "")


@pytest.mark.parametrize("said", ["no", "0", "false", "of"])
def test_what_the_switch_does_not_know_is_off(said: str) -> None:
    """Who writes it wants less than all; and is told."""
    mode, why = mode_of({"MEMORY_HOOKS": said})

    assert mode == "off"
    assert said in why


def test_context_alone_asks_and_keeps_nothing() -> None:
    assert isinstance(asked(event("SessionStart"), mode="context"), Request)
    for said in (event("Stop", last_assistant_message="x"), event("PostCompact", compact_summary="x")):
        assert isinstance(asked(said, mode="context"), str)
    assert isinstance(asked(event("SessionEnd"), mode="context"), str)


def test_a_session_may_be_called_anything_printable() -> None:
    assert request(event("SessionEnd", session_id="../a b/ü?")).path == "/sessions/%2E%2E%2Fa%20b%2F%C3%BC%3F/end"


def test_what_is_printed_fits_and_its_fence_is_closed() -> None:
    lines = [f'- [a1b2c3d4] fact: "line" {number} ü' for number in range(1_000)]
    text = "\n".join(["<memories-4f1c2a>", *lines, "</memories-4f1c2a>"])
    line = printed(request(event("SessionStart")), text, 9_500)

    assert len(line) <= 9_500
    context = json.loads(line)["hookSpecificOutput"]["additionalContext"]
    assert context.startswith("<memories-4f1c2a>\n- [a1b2c3d4] fact")
    assert context.endswith("</memories-4f1c2a>")
    assert len(line) > 9_000, "no more is left out than need be"


@given(st.text(max_size=400), st.integers(150, 600))
def test_whatever_is_printed_is_one_line_of_json_that_fits(text: str, chars: int) -> None:
    line = printed(request(event("UserPromptSubmit", prompt="?")), text, chars)

    assert len(line) <= chars
    assert line.count("\n") == 1
    assert json.loads(line)["hookSpecificOutput"]["hookEventName"] == "UserPromptSubmit"


def test_cursor_reads_another_shape() -> None:
    said: dict[str, object] = {"hook_event_name": "sessionStart", "conversation_id": "c", "cursor_version": "3.7"}

    assert json.loads(printed(request(said), TEXT, 9_500)) == {"additional_context": TEXT}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["hook_event_name", "session_id", "source", "prompt", "last_assistant_message", "workspace_roots"]),
)
def test_a_field_of_any_kind_is_survived(value: object, field: str) -> None:
    for name in ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd", "sessionStart"):
        said = {**event(name, prompt="Why?", last_assistant_message="x"), field: value}
        request_of(said, event=name, mode="all", directory=directory_of(said, {}), agent=None)
