"""What waits on this machine for a server that was away, or was refused by one."""

import time
from collections.abc import Iterator

from memory_cli.commands.outbox import age
from memory_cli.doctor.findings import Finding, command, ok, warning
from memory_cli.handover import Place
from memory_cli.session import Session, writes
from memory_client.errors import OutboxError
from memory_client.outbox import Outbox, outbox_of, outboxes


def outbox(session: Session) -> list[Finding]:
    """Of all servers: what waits for one that is used no more would wait for ever."""
    boxes, unreadable = outboxes(session.target.data_dir)
    found = [warning("outbox", sentence) for sentence in unreadable]
    mine = outbox_of(session.target).server
    for box in boxes:
        try:
            found += _of(box, session.place if box.server == mine else _place_of(box, session.place))
        except OutboxError as error:
            found.append(warning("outbox", str(error)))
    return found or [ok("outbox", "nothing waits")]


def delivered(session: Session) -> list[str]:
    """Deliver what waits for the session's server; what was done, a sentence each. What is left is found later."""
    courier = session.courier
    courier.tell = lambda _: None  # said by the caller
    try:
        count = len(courier.flush(turn_within_s=10.0).delivered)
    except OutboxError:
        return []
    return [f"{writes(count)} kept on this machine reached the server"] if count else []


def _of(box: Outbox, place: Place) -> Iterator[Finding]:
    entries = box.entries()
    waiting = [entry for entry in entries if entry.refusal is None]
    if waiting:
        since = age(time.time() - min(entry.at for entry in waiting))
        what = f"{writes(len(waiting))} for {box.server}, the oldest of {since} ago"
        yield warning("outbox", what.replace("of now ago", "of just now"), command(place, "outbox", "flush"))
    if refused := len(entries) - len(waiting):
        what = f"{writes(refused)} that {box.server} has refused"
        yield warning("outbox", what, command(place, "outbox", "list"))
    if damaged := box.damaged():
        yield warning("outbox", f"{damaged:,} damaged lines in {box.path}", command(place, "outbox", "list"))


def _place_of(box: Outbox, here: Place) -> Place:
    return Place(server=box.server, data_dir=here.data_dir)
