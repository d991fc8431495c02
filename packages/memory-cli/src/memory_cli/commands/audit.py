"""The command that shows who deleted, exported or administered what."""

from typing import Annotated

from cyclopts import Parameter

from memory_cli.options import Here
from memory_cli.render import columns, when
from memory_core.auditing import AuditEntry, AuditQuery, Facts


async def audit(
    *,
    limit: Annotated[int, Parameter(name=["--limit", "-n"], help="At most so many entries, 1 to 1000.")] = 20,
    before: Annotated[int | None, Parameter(help="Only what is older than the entry of this number.")] = None,
    session: Here,
) -> None:
    """Show who deleted, exported or administered what on this server, the newest first. Needs an admin key."""
    async with session.memories() as store:
        page = await store.audit.list(AuditQuery(limit=limit, before=before))
    rows = [audit_row(entry) for entry in page.entries]
    session.out.give(page, columns(rows) if rows else "Nothing was deleted, exported or administered yet")
    if page.next_before is not None and not session.out.as_json:
        session.out.note(f"there is more: --before {page.next_before}")


def audit_row(entry: AuditEntry) -> list[str]:
    """Number, time, outcome, who, what, and what it was about."""
    who = entry.key or "-"
    where = " ".join(filter(None, (entry.client_id, entry.address)))
    left_out = f"({entry.left_out} refused before it are not shown)" if entry.left_out else ""
    about = " ".join(filter(None, (_shown(entry.target | entry.result), entry.error, left_out)))
    return [str(entry.number), when(entry.at), entry.outcome.value, who, where or "-", entry.action, about]


def _shown(facts: Facts) -> str:
    return " ".join(f"{name}={value}" for name, value in facts.items())
