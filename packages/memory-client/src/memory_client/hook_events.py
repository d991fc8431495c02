"""What an agent says to a hook, as a request to the server, and the answer as that agent reads it. Pure.

The events are those of Claude Code, which Codex names alike; where Gemini CLI and Cursor have an event of the same
meaning under another name, it is in the table too.
"""

import json

TYPE_CHECKING = False  # typing itself would cost a start 5 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

    Document = Mapping[str, object]

CLAUDE_CODE, CURSOR = "claude-code", "cursor"
OFF, CONTEXT, ALL = "off", "context", "all"
_MODES = (OFF, CONTEXT, ALL)

_START, _PROMPT, _SUBAGENT = "start", "prompt", "subagent"
_TURN, _COMPACTION, _END = "turn", "compaction", "end"
_MEANINGS = {
    "SessionStart": _START,
    "UserPromptSubmit": _PROMPT,
    "SubagentStart": _SUBAGENT,
    "PostCompact": _COMPACTION,
    "Stop": _TURN,
    "SessionEnd": _END,
    # Gemini CLI; its SessionStart and SessionEnd are as above
    "BeforeAgent": _PROMPT,
    "AfterAgent": _TURN,
    # Cursor, whose beforeSubmitPrompt cannot add anything
    "sessionStart": _START,
    "afterAgentResponse": _TURN,
    "sessionEnd": _END,
}
_NOTED = {_TURN: ("last_assistant_message", "prompt_response", "text"), _COMPACTION: ("compact_summary",)}
_OCCASIONS = {"resume": "resume", "compact": "compact"}  # of a start; every other source begins anew

_MAX_PROMPT_CHARS = 4_000  # as in memory_core.sessions, which needs msgspec
_MAX_NOTE_CHARS = 20_000
_MAX_NAME_CHARS = 200


class Request:
    """What to send. `shape` is how the answer is printed, "" for what only writes; `starts`: a session begins."""

    __slots__ = ("body", "event", "path", "shape", "starts")

    def __init__(self, *, event: str, path: str, body: dict[str, object], shape: str, starts: bool) -> None:
        self.event = event
        self.path = path
        self.body = body
        self.shape = shape
        self.starts = starts

    @property
    def writes(self) -> bool:
        return not self.shape


def mode_of(environ: "Mapping[str, str]") -> tuple[str, str]:
    """What MEMORY_HOOKS allows, and a sentence where it says nothing known: then nothing is allowed."""
    said = environ.get("MEMORY_HOOKS", "").strip().lower() or ALL
    if said in _MODES:
        return said, ""
    return OFF, f"MEMORY_HOOKS={said} is none of {', '.join(_MODES)}, so hooks are off"


def directory_of(document: "Document", environ: "Mapping[str, str]") -> str | None:
    """Where the agent works: what it says in the environment, which stays when it changes its directory."""
    roots = document.get("workspace_roots")
    first = roots[0] if isinstance(roots, list) and roots else None
    for found in (environ.get("CLAUDE_PROJECT_DIR"), document.get("cwd"), first):
        if isinstance(found, str) and found.strip():
            return found
    return None


def request_of(
    document: "Document", *, event: str | None, mode: str, directory: str | None, agent: str | None
) -> Request | str:
    """The request for this event, or in a few words why there is none. `event` goes before what the document says."""
    said = document.get("hook_event_name")
    name = event or (said if isinstance(said, str) else "")
    meaning = _MEANINGS.get(name)
    if mode == OFF:
        return "hooks are off"
    if meaning is None:
        return f"nothing is done for the event {name or 'without a name'}"
    session = _name(document, "session_id") or _name(document, "conversation_id")
    if session is None:
        return "it names no session"
    if document.get("agent_id") and meaning != _SUBAGENT:
        return "it is about a subagent"
    heard = said if isinstance(said, str) and said else name
    if meaning in (_START, _PROMPT, _SUBAGENT):
        about: dict[str, object] = {"agent": agent or _agent(document, name)}
        if directory is not None:
            about["directory"] = directory
        return _context(document, heard, meaning, session, about)
    if mode == CONTEXT:
        return "nothing is kept with MEMORY_HOOKS=context"
    return _write(document, heard, meaning, session)


def printed(request: Request, text: str, max_chars: int) -> str:
    """`text` as the agent takes it, in at most so many characters."""
    line = _line(request, text)
    while len(line) > max_chars:
        text = _shortened(text, by=len(line) - max_chars)
        line = _line(request, text)
    return line


def _line(request: Request, text: str) -> str:
    answer: dict[str, object] = {"additional_context": text}
    if request.shape != CURSOR:
        answer = {"hookSpecificOutput": {"hookEventName": request.event, "additionalContext": text}}
    return json.dumps(answer, ensure_ascii=False) + "\n"


def _shortened(text: str, *, by: int) -> str:
    """Without lines at its end but the last, which closes the fence; of a text that is one line, its beginning."""
    *lines, last = text.split("\n")
    if len(lines) < 2:
        return text[: -(by // 6 + 1)]  # a character is written with six at most
    while by > 0 and len(lines) > 1:
        by -= len(json.dumps(lines.pop(), ensure_ascii=False))
    return "\n".join([*lines, last])


def _context(document: "Document", event: str, meaning: str, session: str, about: dict[str, object]) -> Request | str:
    occasion = meaning
    if meaning == _START:
        occasion = _OCCASIONS.get(str(document.get("source")), _START)
    elif meaning == _PROMPT:
        prompt = document.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            return "the prompt is empty"
        if _is_command(prompt.strip()):
            return "the prompt is a command"
        about["prompt"] = _cut(prompt.strip(), _MAX_PROMPT_CHARS)
    shape = CURSOR if event == "sessionStart" else CLAUDE_CODE
    return Request(
        event=event, path=f"/sessions/{_quoted(session)}/context", body={"occasion": occasion, **about},
        shape=shape, starts=meaning == _START,
    )  # fmt: skip


def _write(document: "Document", event: str, meaning: str, session: str) -> Request | str:
    place = f"/sessions/{_quoted(session)}"
    if meaning == _END:
        reason = _name(document, "reason")
        body: dict[str, object] = {} if reason is None else {"reason": reason}
        return Request(event=event, path=f"{place}/end", body=body, shape="", starts=False)
    texts = [document.get(field) for field in _NOTED[meaning]]
    text = next((text for text in texts if isinstance(text, str) and text.strip()), None)
    if text is None:
        return "it holds no text to keep"
    body = {"kind": meaning, "text": _cut(text, _MAX_NOTE_CHARS)}
    return Request(event=event, path=f"{place}/notes", body=body, shape="", starts=False)


def _is_command(prompt: str) -> bool:
    """`/compact`, `/plugin:name args`, `!ls`; not `/etc/hosts is wrong`."""
    if prompt.startswith("!"):
        return True
    word = prompt.split(None, 1)[0]
    return word.startswith("/") and "/" not in word[1:] and "." not in word


def _agent(document: "Document", event: str) -> str:
    """Who asks, by what no other agent says."""
    if event in ("BeforeAgent", "AfterAgent") or "/.gemini/" in str(document.get("transcript_path")):
        return "gemini-cli"
    if "cursor_version" in document:
        return CURSOR
    if "/.codex/" in str(document.get("transcript_path")):
        return "codex"
    return CLAUDE_CODE


def _name(document: "Document", field: str) -> str | None:
    """What the server takes as a name, None for anything else."""
    value = document.get(field)
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_NAME_CHARS or not value.isprintable():
        return None
    return value.strip()


def _cut(text: str, chars: int) -> str:
    """The beginning and the end of `text`: what is asked stands at one of them."""
    if len(text) <= chars:
        return text
    half = chars // 2 - 2
    return f"{text[:half]}\n…\n{text[-half:]}"


def _quoted(name: str) -> str:
    """`name` as one segment of a path."""
    return "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 128) or byte in b"-_" else f"%{byte:02X}"
        for byte in name.encode("utf-8", "replace")
    )
