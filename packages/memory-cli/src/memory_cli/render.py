"""What people read, as text: one line a memory, one memory in full, counts, states. Pure; knows no terminal.

Memories are other people's text: nothing of it reaches a terminal that the terminal could take for a command.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from memory_core.changes import History, Kept, Outcome, Review, TrashReport, UndoReport
from memory_core.counting import agreeing, memories
from memory_core.types import (
    EmbeddingState,
    EmbeddingStatus,
    Memory,
    ModelInfo,
    ModelList,
    ModelUse,
    NextModel,
    PurgeReport,
    RerankerState,
    RerankerStatus,
    Stats,
)
from memory_core.visible import visible as spelled_out

ID_DIGITS = 8
_FAR_AHEAD = datetime.max.replace(tzinfo=UTC)

_SPACES = re.compile(r"\s+")


def visible(text: str) -> str:
    """`text` with line ends and tabs as they are, and what cannot be seen or turns a terminal written out: `\\x1b`."""
    return spelled_out(text, _as_in_python)


def one_line(text: str) -> str:
    return _SPACES.sub(" ", visible(text)).strip()


def short_id(memory: Memory) -> str:
    return memory.id[:ID_DIGITS]


def when(at: datetime, zone: tzinfo | None = None) -> str:
    """Local time, or that of `zone`, to the minute."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def memory_line(memory: Memory, zone: tzinfo | None = None) -> str:
    """For programs that read lines: id, type, time, project, tags, content, with a tab between."""
    fields = [
        short_id(memory),
        memory.memory_type.value,
        when(memory.created_at, zone),
        one_line(memory.project_id) if memory.project_id else "-",
        one_line(",".join(memory.tags)) or "-",
        one_line(memory.content),
    ]
    return "\t".join(fields)


def memory_in_full(memory: Memory, zone: tzinfo | None = None) -> str:
    rows = {
        "id": memory.id,
        "type": memory.memory_type.value,
        "project": memory.project_id or "none: it belongs to every project",
        "tags": ", ".join(memory.tags),
        "source": memory.source or "",
        "client": memory.client_id or "",
        "session": memory.session_id or "",
        "certainty": f"{memory.certainty_score:g}",
        "quality": f"{memory.quality_score:g}",
        "created": when(memory.created_at, zone),
        "updated": when(memory.updated_at, zone) if memory.updated_at != memory.created_at else "",
        "in trash": when(memory.deleted_at, zone) if memory.deleted_at is not None else "",
        "expires": when(memory.expires_at, zone) if memory.expires_at is not None else "",
        "review by": when(memory.review_by, zone) if memory.review_by is not None else "",
        "topic": memory.topic_key or "",
        "superseded by": (memory.superseded_by or "")[:ID_DIGITS],
        "revision": str(memory.revision) if memory.revision > 1 else "",
    }
    return f"{table(rows)}\n\n{visible(memory.content)}"


def place(project_id: str | None) -> str:
    return f"project {one_line(project_id)}" if project_id else "no project"


def kept(memory: Kept) -> str:
    done = {Outcome.CREATED: "Kept", Outcome.UPDATED: "Updated", Outcome.UNCHANGED: "Already kept as"}[memory.outcome]
    return f"{done} {short_id(memory)} ({memory.memory_type.value}, {place(memory.project_id)})"


def nearly_the_same(memory: Kept) -> list[str]:
    """A line for each memory that says nearly the same."""
    return [
        f"nearly the same as {one.memory_id[:ID_DIGITS]} ({differing(one.differences)}): {one_line(one.content)}; "
        "see claude-memory review"
        for one in memory.alike
    ]


def differing(differences: Sequence[str]) -> str:
    return ", ".join(map(one_line, differences)) if differences else "it says the same"


def mark(memory: Memory, now: datetime, zone: tzinfo | None = None) -> str:
    """What someone should know of a memory before believing it."""
    if memory.superseded_by is not None:
        return f"superseded by {memory.superseded_by[:ID_DIGITS]}"
    if memory.review_by is not None and memory.review_by <= now:
        return f"unreviewed since {when(memory.review_by, zone)[:10]}"
    return ""


def stats_text(stats: Stats, *, scope: str) -> str:
    parts = [
        f"{scope[0].upper()}{scope[1:]}",
        table(
            {
                "memories": f"{stats.total_memories:,}",
                "with embeddings": f"{stats.memories_with_embeddings:,}",
                "in trash": f"{stats.in_trash:,}",
                "embeddings": embedding_text(stats.embedding),
                "storage": f"{stats.storage_path} ({size(stats.storage_bytes)})" if stats.storage_path else "",
            }
        ),
    ]
    parts += [
        f"{title}\n{_counts(counts)}"
        for title, counts in (
            ("By type", stats.by_type),
            ("By client", stats.by_client),
            ("By project", stats.by_project),
        )
        if counts
    ]
    return "\n\n".join(parts)


def embedding_text(status: EmbeddingStatus) -> str:
    """The state of the model and of its work, in one line."""
    said = {
        EmbeddingState.OFF: "off: keyword search only",
        EmbeddingState.LOADING: "the model is loading",
        EmbeddingState.READY: "ready",
        EmbeddingState.UNAVAILABLE: "not available",
    }[status.state]
    parts = [said]
    if status.model is not None:
        parts.append(f"{status.model}, {status.dimension} dimensions" if status.dimension else status.model)
    if status.pending:
        parts.append(f"{status.pending:,} pending")
    if status.failed:
        parts.append(f"{status.failed:,} failed")
    if status.detail:
        parts.append(status.detail)
    if status.next is not None:
        parts.append(f"next: {next_text(status.next)}")
    return one_line("; ".join(parts))


def reranker_text(status: RerankerStatus | None) -> str:
    """Empty where none was asked for."""
    if status is None:
        return ""
    said = {
        RerankerState.LOADING: "loading",
        RerankerState.READY: "ready",
        RerankerState.UNAVAILABLE: "not available",
    }[status.state]
    return one_line("; ".join(filter(None, (said, status.model, status.detail))))


def next_text(coming: NextModel) -> str:
    """How far the model is that is to take over."""
    said = {
        EmbeddingState.LOADING: "loading",
        EmbeddingState.UNAVAILABLE: "not available",
        EmbeddingState.READY: f"{memories(coming.pending)} left to embed",
    }.get(coming.state, coming.state.value)
    return f"{coming.embedder}, {said}" + (f": {coming.detail}" if coming.detail else "")


def models_text(found: ModelList) -> str:
    """A line a model: what it is for, its name, and what is known of it."""
    rows = [
        (
            model.use.value,
            model.embedder or model.name,
            f"{model.dimension} dimensions" if model.dimension else "",
            f"{model.memories:,} embedded" if model.memories or model.use is not ModelUse.AVAILABLE else "",
            size(model.weights_bytes) if model.weights_bytes else "",
        )
        for model in found.models
    ]
    if not rows:
        return "No model: search goes by keyword"
    return columns(rows)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """The cells under each other; there is a first row."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{one_line(cell):<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def model_in_full(model: ModelInfo) -> str:
    return table(
        {
            "embedder": model.embedder or "",
            "name": model.name,
            "revision": model.revision or "",
            "use": model.use.value,
            "dimensions": str(model.dimension or ""),
            "reads at once": f"{model.max_tokens:,} tokens" if model.max_tokens else "",
            "embedded": f"{model.memories:,}",
            "weights": size(model.weights_bytes) if model.weights_bytes else "",
            "folder": model.folder or "",
        }
    )


def purge_text(report: PurgeReport) -> str:
    if report.matched == 0:
        return "Nothing fits; nothing to purge"
    if report.dry_run:
        them = agreeing(report.matched, "it", "them")
        return f"{memories(report.matched)} would go to the trash; add --yes to move {them} there"
    return f"Moved {memories(report.purged)} to the trash; `claude-memory undo {report.batch_id}` brings all back"


def history_text(history: History, zone: tzinfo | None = None) -> str:
    """A block a revision, the latest first: number, time, what was done and by whom, and the text where it changed."""
    blocks = []
    for place, one in enumerate(history.revisions):
        before = history.revisions[place + 1].memory if place + 1 < len(history.revisions) else None
        who = ", ".join(part for part in (one.client_id, one.key and f"key {one.key}", one.batch_id) if part)
        head = f"{one.revision}  {when(one.at, zone)}  {one.action.value}{f'  ({one_line(who)})' if who else ''}"
        lines = [head, f"   because {one_line(one.reason)}"] if one.reason else [head]
        lines += [f"   {line}" for line in _changed(before, one.memory, zone)]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def _changed(before: Memory | None, after: Memory, zone: tzinfo | None) -> list[str]:
    if before is None:
        return [one_line(after.content)]
    names = [name for name in Memory.__struct_fields__ if name not in ("updated_at", "revision")]
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return [
        one_line(after.content) if name == "content" else f"{name}: {_shown(getattr(after, name), zone)}"
        for name in changed
    ]


def _shown(value: object, zone: tzinfo | None) -> str:
    if isinstance(value, datetime):
        return when(value, zone)
    return one_line(", ".join(value) if isinstance(value, tuple) else str("none" if value in (None, ()) else value))


def undo_text(report: UndoReport) -> str:
    text = f"Undid {report.action.value} of {memories(report.undone)}"
    if report.changed_since:
        shown = ", ".join(memory_id[:ID_DIGITS] for memory_id in report.changed_since[:10])
        text += f"; {memories(len(report.changed_since))} changed since then stayed: {shown}"
    if report.aliases:
        means = agreeing(len(report.aliases), "means again what it", "mean again what they")
        text += f", and {one_line(', '.join(report.aliases))} {means} did"
    return f"{text}; `claude-memory undo {report.batch_id}` takes that back"


def review_text(found: Review) -> str:
    parts = []
    for pair in found.pairs:
        newer, older = short_id(pair.newer), short_id(pair.older)
        parts.append(
            f"{newer}  {when(pair.newer.created_at)}  {one_line(pair.newer.content)}\n"
            f"{older}  {when(pair.older.created_at)}  {one_line(pair.older.content)}\n"
            f"          {pair.similarity:.2f} alike; {differing(pair.differences)}"
        )
    if found.overdue:
        lines = [f"{short_id(one)}  {mark(one, _FAR_AHEAD)}  {one_line(one.content)}" for one in found.overdue]
        parts.append("\n".join(["To be looked at again", *lines]))
    return "\n\n".join(parts)


def trash_text(report: TrashReport) -> str:
    if report.matched == 0:
        return "Nothing lies in the trash that long"
    if report.dry_run:
        return f"{memories(report.matched)} would be removed for good; add --yes to do it"
    return f"Removed {memories(report.removed)} for good"


def size(count: int) -> str:
    """Bytes for people: `1.2 MB`."""
    number = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def table(rows: Mapping[str, str]) -> str:
    """Two columns; a row without a value is left out."""
    shown = {name: one_line(value) for name, value in rows.items() if value}
    width = max(map(len, shown), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in shown.items())


def _counts(counts: Mapping[str, int]) -> str:
    width = max(len(f"{count:,}") for count in counts.values())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join(f"  {count:>{width},}  {one_line(name)}" for name, count in ordered)


def _as_in_python(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
