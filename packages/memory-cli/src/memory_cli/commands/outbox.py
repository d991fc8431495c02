"""Commands about writes that wait on this machine because their server was away: list, flush, drop."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from cyclopts import App, Group, Parameter

from memory_cli.options import Here, Yes, flag
from memory_cli.output import DeclinedError
from memory_cli.render import columns, one_line
from memory_cli.session import Session, writes
from memory_client.errors import OutboxError
from memory_client.outbox import Entry, Outbox, outboxes
from memory_core.errors import InvalidError, NotFoundError, UnavailableError

_SHORTEST_ID = 4
_TURN_WAIT_S = 30.0
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))

outbox = App(
    name="outbox",
    help="Look at, deliver or drop what was kept on this machine while a server was away.",
    help_epilogue="",
    group_commands=Group("Commands"),
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    body: str


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A write in the outbox. `refusal` is the server's sentence where `state` is refused."""

    id: str
    state: str
    server: str
    written_at: datetime
    what: str
    request: Request
    refusal: str | None = None


class FlushReport(msgspec.Struct, frozen=True, kw_only=True):
    delivered: tuple[Waiting, ...]
    refused: tuple[Waiting, ...]
    left: int
    why: str | None


@outbox.command(name="list")
def list_(*, session: Here) -> None:
    """Show what waits, and what a server has refused, for all servers."""
    found = _all(session)
    rows = [_shown(box, entry) for box, entry in found]
    if session.out.as_json:
        session.out.json(rows)
    elif not session.out.is_terminal:
        for row in rows:
            session.out.say("\t".join(_cells(row)))
    elif rows:
        session.out.say(columns([("id", "age", "state", "server", "what"), *map(_cells, rows)]))
    else:
        session.out.say("Nothing waits")
    try:
        _marked_as_told(box for box, _ in found)
    except OutboxError as error:
        session.out.note(str(error))  # the list itself is right


@outbox.command
def flush(*, session: Here) -> None:
    """Deliver what waits for this server now, and say what became of each."""
    courier = session.courier
    courier.tell = lambda _: None  # told below, each by itself
    box = courier.outbox
    try:
        flushed = courier.flush(turn_within_s=_TURN_WAIT_S)  # in this thread, so that Ctrl-C ends it
        _marked_as_told([box])
    except OutboxError as error:
        raise UnavailableError(str(error)) from error
    report = FlushReport(
        delivered=tuple(_shown(box, entry, state="delivered") for entry, _ in flushed.delivered),
        refused=tuple(_shown(box, entry) for entry in flushed.refused),
        left=flushed.left,
        why=flushed.why,
    )
    lines = [f"delivered  {row.id}  {one_line(row.what)}" for row in report.delivered]
    lines += [f"refused    {row.id}  {_why(row)}" for row in report.refused]
    if lines or session.out.as_json or not report.left:
        session.out.give(report, "\n".join(lines) or f"Nothing waits for {courier.name}")
    for other in {other.server for other, entry in _all(session) if other.server != box.server and not entry.refusal}:
        session.out.note(
            f"something waits for {other} too; deliver it with: claude-memory --server {other} outbox flush"
        )
    if report.left:
        raise UnavailableError(f"still on this machine, {writes(report.left)}: {report.why}")


@outbox.command
def drop(
    *ids: Annotated[str, Parameter(help="As `list` shows them.")],
    everything: Annotated[bool, flag("Everything kept for this server.", "--all")] = False,
    yes: Yes = False,
    session: Here,
) -> None:
    """Give up what waits or was refused, after asking: it will never reach the server."""
    if bool(ids) == everything:
        raise InvalidError("name what to drop: ids as `claude-memory outbox list` shows them, or --all")
    mine = session.courier.outbox
    found = _all(session)
    chosen = [(box, entry) for box, entry in found if box.server == mine.server] if everything else _named(found, ids)
    if chosen and not yes:
        for box, entry in chosen:
            session.out.note("  ".join(_cells(_shown(box, entry))))
        _ask(session, f"Drop {writes(len(chosen))}?")
    try:
        for box in {box.server: box for box, _ in chosen}.values():
            _drop(box, [entry for other, entry in chosen if other.server == box.server])
        if everything and mine.damaged():
            mine.clear()
    except OutboxError as error:
        raise UnavailableError(str(error)) from error
    dropped = [_shown(box, entry, state="dropped") for box, entry in chosen]
    text = "\n".join(f"dropped  {row.id}  {one_line(row.what)}" for row in dropped)
    session.out.give(dropped, text or f"Nothing waits for {session.courier.name}")


def counts(session: Session) -> tuple[int, int]:
    """How many writes wait for the session's server, and how many it has refused."""
    try:
        entries = session.courier.outbox.entries()
    except OutboxError as error:
        session.out.note(str(error))
        return 0, 0
    refused = sum(entry.refusal is not None for entry in entries)
    return len(entries) - refused, refused


def counts_text(waiting: int, refused: int) -> str:
    """Empty where there is nothing to say."""
    parts = [f"{writes(waiting)} waiting"] if waiting else []
    return ", ".join(parts + ([f"{refused:,} refused"] if refused else []))


def _all(session: Session) -> list[tuple[Outbox, Entry]]:
    boxes, unreadable = outboxes(session.target.data_dir)
    found: list[tuple[Outbox, Entry]] = []
    for box in boxes:
        try:
            found += [(box, entry) for entry in box.entries()]
            damaged = box.damaged()
        except OutboxError as error:
            unreadable.append(str(error))
        else:
            if damaged:
                unreadable.append(f"{damaged:,} damaged lines in {box.path} cannot be read; the others can")
    for sentence in unreadable:
        session.out.note(sentence)
    return found


def _named(found: Sequence[tuple[Outbox, Entry]], ids: Sequence[str]) -> list[tuple[Outbox, Entry]]:
    chosen: dict[str, tuple[Outbox, Entry]] = {}
    for name in ids:
        fitting = [(box, entry) for box, entry in found if entry.key.startswith(name.lower())]
        if len(name) < _SHORTEST_ID or len(fitting) > 1:
            raise InvalidError(
                f"{name!r} is too short to name one; write the id as `claude-memory outbox list` shows it"
            )
        if not fitting:
            raise NotFoundError(f"nothing with the id {name} is kept here; see claude-memory outbox list")
        chosen[fitting[0][1].key] = fitting[0]
    return list(chosen.values())


def _drop(box: Outbox, entries: Sequence[Entry]) -> None:
    turn = box.sending()
    if not box.taken(turn, within_s=_TURN_WAIT_S):
        raise OutboxError(f"what waits for {box.server} is being delivered at this moment; try again")
    try:
        box.drop(entry.key for entry in entries)
    finally:
        turn.release()


def _ask(session: Session, question: str) -> None:
    answer = session.out.confirms(question)
    if answer is None:
        raise InvalidError("drop asks before it acts, and nobody is here to answer; add --yes")
    if not answer:
        raise DeclinedError("nothing was dropped")


def _marked_as_told(boxes: Iterable[Outbox]) -> None:
    for box in {box.server: box for box in boxes}.values():
        box.news()


def _shown(box: Outbox, entry: Entry, *, state: str | None = None) -> Waiting:
    return Waiting(
        id=entry.id,
        state=state or ("waiting" if entry.refusal is None else "refused"),
        server=box.server,
        written_at=datetime.fromtimestamp(entry.at, UTC),
        what=entry.what,
        request=Request(method=entry.method, path=entry.path, body=entry.body),
        refusal=entry.refusal,
    )


def _cells(row: Waiting) -> tuple[str, ...]:
    since = age(time.time() - row.written_at.timestamp())
    return row.id, since, row.state, one_line(row.server), _why(row)


def _why(row: Waiting) -> str:
    what = one_line(row.what)
    return what if row.refusal is None else f"{what} → {one_line(row.refusal)}"


def age(seconds: float) -> str:
    """`3 h`; a clock that was set back makes nothing younger than now."""
    return next((f"{int(seconds / size)} {unit}" for unit, size in _UNITS if seconds >= size), "now")
