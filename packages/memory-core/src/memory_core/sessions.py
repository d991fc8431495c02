"""Sessions of agents: when each was, what it came to, and what of memory it was shown.

The vocabulary beside `types`; needs msgspec and nothing else. A session has the id that its agent gave it. What it came
to is kept as a memory of type `session` (`session_text`), so that it is found, edited and exported like any other.
"""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import force_setattr

from memory_core import checks
from memory_core.changes import ANYONE, By
from memory_core.errors import InvalidError

MAX_NOTE_CHARS = 20_000
MAX_PROMPT_CHARS = 4_000
MAX_LINES = 20
MAX_LINE_CHARS = 500
MAX_SUMMARY_CHARS = 4_000


class Occasion(StrEnum):
    """Why a session asks for context."""

    START = "start"
    RESUME = "resume"  # it goes on: only what is new since it was last told
    COMPACT = "compact"  # what it was told is gone from its window: all of it again
    PROMPT = "prompt"  # only what is relevant to the prompt, and was not told before
    SUBAGENT = "subagent"  # short, for an agent that begins with nothing


BUDGETS = {
    Occasion.START: 1_500,
    Occasion.RESUME: 600,
    Occasion.COMPACT: 1_500,
    Occasion.PROMPT: 300,
    Occasion.SUBAGENT: 500,
}
"""At most so many tokens of text, where the request does not say."""


class ContextRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a session wants to be told now. `directory` is where its agent works; that registers it with its project.

    A `prompt` that is too long is cut.
    """

    occasion: Occasion = Occasion.START
    prompt: str | None = None
    directory: str | None = None
    agent: str | None = None
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        checks.names(self, "agent")
        checks.path(self, "directory")
        if self.prompt is not None:
            checks.text("prompt", self.prompt)
            force_setattr(self, "prompt", self.prompt[:MAX_PROMPT_CHARS])
        if self.occasion is Occasion.PROMPT and not (self.prompt or "").strip():
            raise InvalidError("the occasion is a prompt, and prompt is empty; send its text")
        if self.max_tokens is not None:
            checks.between("max_tokens", self.max_tokens, 50, 20_000)


class Shown(Struct, frozen=True, kw_only=True):
    """A memory that a session was told: when, on which occasion, for how many tokens, and why that one."""

    memory_id: str
    occasion: Occasion
    at: datetime
    tokens: int
    section: str
    why: str


class SessionContext(Struct, frozen=True, kw_only=True):
    """`text` is to be put before the model as it is; "" where there is nothing to say."""

    session_id: str
    project_id: str | None
    text: str
    tokens: int = 0
    shown: tuple[Shown, ...] = ()


class ShownList(Struct, frozen=True, kw_only=True):
    """What a session was told, the latest first."""

    session_id: str
    count: int
    shown: tuple[Shown, ...]


class NoteKind(StrEnum):
    TURN = "turn"  # what the agent said at the end of a turn
    COMPACTION = "compaction"  # what stands for the conversation from now on


class SessionNote(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something said in a session that its summary is made of. A longer `text` is cut, in its middle."""

    kind: NoteKind
    text: str

    def __post_init__(self) -> None:
        checks.text("text", self.text)
        if not self.text.strip():
            raise InvalidError("text is empty; there is nothing to note")
        if len(self.text) > MAX_NOTE_CHARS:
            half = MAX_NOTE_CHARS // 2 - 1
            force_setattr(self, "text", f"{self.text[:half]}\n…\n{self.text[-half:]}")


class SessionSummary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a session came to, one line each. `topics` become tags."""

    summary: str | None = None
    decisions: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.summary is not None:
            checks.text("summary", self.summary)
            if len(self.summary) > MAX_SUMMARY_CHARS:
                raise InvalidError(f"summary is {len(self.summary):,} characters; at most {MAX_SUMMARY_CHARS:,} fit")
        for name in ("decisions", "open_questions"):
            checks.lines(self, name, most=MAX_LINES, chars=MAX_LINE_CHARS)
        force_setattr(self, "topics", checks.tags(self.topics))

    @property
    def is_empty(self) -> bool:
        return not ((self.summary or "").strip() or self.decisions or self.open_questions)


class SessionEnd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`reason` is the agent's word for why it ends."""

    reason: str | None = None

    def __post_init__(self) -> None:
        checks.names(self, "reason")


class NewSession(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session that begins. Without `session_id` it is given one; one that is known goes on."""

    session_id: str | None = None
    project_id: str | UnsetType | None = UNSET
    directory: str | None = None
    agent: str | None = None
    title: str | None = None

    def __post_init__(self) -> None:
        checks.names(self, "session_id", "project_id", "agent", "title")
        checks.path(self, "directory")


class SessionStatus(StrEnum):
    OPEN = "open"
    ENDED = "ended"


class Author(StrEnum):
    """Who wrote the summary of a session."""

    AGENT = "agent"
    EXTRACT = "extract"  # sentences taken from what was said, by rules


class Session(Struct, frozen=True, kw_only=True):
    """`memory_id` is the memory that has the summary, null while there is none; `told` counts what it was shown.

    `title` is how it began: the beginning of its first prompt, or what it was named.
    """

    session_id: str
    project_id: str | None
    client_id: str | None
    agent: str | None
    title: str | None
    status: SessionStatus
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None = None
    end_reason: str | None = None
    summary: str | None = None
    decisions: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    written_by: Author | None = None
    memory_id: str | None = None
    told: int = 0


class SessionQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sessions that were there last. `project_id` as in `types.Scope`."""

    project_id: str | UnsetType | None = UNSET
    global_search: bool = False
    client_id: str | None = None
    status: SessionStatus | None = None
    limit: int = 20
    cursor: str | None = None

    def __post_init__(self) -> None:
        checks.names(self, "project_id", "client_id", "cursor")
        checks.limit(self.limit)


class SessionPage(Struct, frozen=True, kw_only=True):
    sessions: tuple[Session, ...]
    count: int
    next_cursor: str | None = None


class Sessions(Protocol):
    """The verbs of sessions, for one caller. A session is named by its id, or a unique beginning of four or more.

    Raises NotFoundError for one that is not there, or that the caller's key does not reach.
    """

    async def context(self, session_id: str, asked: ContextRequest) -> SessionContext:
        """What to tell the session now; it begins with that, if it is new. What is told is written down."""
        ...

    async def start(self, new: NewSession) -> Session: ...

    async def note(self, session_id: str, note: SessionNote, *, by: By = ANYONE) -> Session:
        """Keep it for the summary. The same again changes nothing. A compaction makes the summary at once."""
        ...

    async def summarise(self, session_id: str | None, said: SessionSummary, *, by: By = ANYONE) -> Session:
        """The agent's own summary, which goes before one that is extracted.

        Null: the one open session of the caller's machine and project, a new one where there is none. Raises
        InvalidError where there are several.
        """
        ...

    async def end(self, session_id: str, how: SessionEnd, *, by: By = ANYONE) -> Session:
        """Close it. What was noted becomes its summary, unless the agent has written one."""
        ...

    async def get(self, session_id: str) -> Session: ...

    async def list(self, query: SessionQuery) -> SessionPage: ...

    async def shown(self, session_id: str) -> ShownList: ...
