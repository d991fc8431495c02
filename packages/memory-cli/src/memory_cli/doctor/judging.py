"""What to think of what a server says of itself. Pure: a `Diagnosis` in, findings out.

Ages go by the server's clock, which made the times that they are counted from.
"""

import shlex
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import PurePath

from memory_cli.doctor import typed
from memory_cli.doctor.findings import Finding, note, ok, problem, warning
from memory_cli.render import ID_DIGITS, one_line, size, when
from memory_core.backups import Backup, BackupList, BackupState
from memory_core.counting import counted, memories
from memory_core.diagnosis import MENDED, Diagnosis, Flaw, FlawKind, KeptSecrets, StoreState
from memory_core.key_words import reach
from memory_core.keys import OwnKey
from memory_core.types import EmbeddingState, EmbeddingStatus, RerankerState

BACKUP_AGE = timedelta(days=7)
KEY_ENDS_SOON = timedelta(days=14)
TRASH_DELAY = timedelta(days=2)  # it is emptied when a server has been idle for a moment
LONG_LOG_BYTES = 64 << 20  # the store writes its log into the file at 16 MB, if nothing keeps it from that

Command = Callable[..., str]
"""Words to a command that can be pasted, such as `claude-memory backup create`."""


def judged(found: Diagnosis, command: Command) -> Iterator[Finding]:
    if found.store is not None:
        yield _store(found.store, found.location)
    yield _model(found, command)
    yield from _vectors(found.embedding, command)
    if found.reranker is not None:
        yield _reranker(found)
    if found.store is not None:
        yield _disk(found.store, found.location)
        yield _log(found.store, command)
    if found.backups is not None:
        yield _backups(found, found.backups, command)
    if found.store is not None:
        yield _snapshots(found.store)
        yield _trash(found.store, found, command)
    if found.sessions is not None:
        yield warning("sessions", found.sessions)


def integrity(found: Diagnosis, flaws: tuple[Flaw, ...], command: Command, restoring: str | None) -> Iterator[Finding]:
    if not flaws:
        yield ok("integrity", f"{_counted(found.store)}; everything was read, and fits together")
    for flaw in flaws:
        if flaw.kind in MENDED:
            level = note if flaw.kind is FlawKind.REMAINS else problem
            yield level("integrity", str(flaw), command("doctor", "--repair"))
        elif flaw.kind is FlawKind.LASTING:
            yield problem("integrity", f"{flaw}; only a backup from before has what is missing", restoring)
        else:
            yield note("integrity", str(flaw))


def key(own: OwnKey, client_id: str, command: Command) -> Finding:
    """What the server says of the key that it was sent, by a machine of that name."""
    name = one_line(own.name or "")
    if own.client_id not in (None, client_id):
        what = f"{name} speaks for the client {one_line(own.client_id or '')}, and this machine says it is {client_id}"
        return problem("key", what, typed.let("MEMORY_CLIENT_ID", own.client_id or ""))
    if own.expires_at is not None and own.expires_at - own.at <= KEY_ENDS_SOON:
        left = f"works for {_age(own.expires_at - own.at)} yet, until {when(own.expires_at)}"
        if own.replaced:
            return warning("key", f"{name} was rotated: what is sent here {left}; put in what was issued since")
        fix = command("keys", "rotate", name, "--expires", "90d")
        return warning("key", f"{name} {left}; an admin gives it a new end:", fix)
    return ok("key", f"needed, and accepted: {name}, {reach(own)}")


def secrets(found: KeptSecrets) -> Finding:
    if not found.count:
        return ok("secrets", "no memory holds what looks like one")
    shown = ", ".join(memory_id[:ID_DIGITS] for memory_id in found.memories)
    more = ", …" if found.count > len(found.memories) else ""
    return warning(
        "secrets",
        f"what looks like a secret ({', '.join(found.kinds)}) is in {memories(found.count)}: {shown}{more}; replace it "
        "where it is used, then `claude-memory delete` these and `claude-memory trash empty`; backups have them still",
    )


def newest_good(backups: BackupList | None) -> str | None:
    """The name of the newest backup that may be restored, a verified one if there is one."""
    known = () if backups is None else backups.backups
    for state in (BackupState.VERIFIED, BackupState.UNVERIFIED):
        names = [backup.name for backup in known if backup.state is state]
        if names:
            return max(names)
    return None


def _store(store: StoreState, location: str) -> Finding:
    return ok("store", f"{location}: {_counted(store)}, {size(store.size_bytes)}, schema {store.schema_version}")


def _counted(store: StoreState | None) -> str:
    if store is None:
        return "the store"
    return f"{memories(store.memories)}, {store.revisions:,} past states"


def _model(found: Diagnosis, command: Command) -> Finding:
    status = found.embedding
    if status.state is EmbeddingState.OFF:
        how = "MEMORY_EMBEDDER of the server says so" if found.embedder_fixed else "chosen so"
        fix = None if found.embedder_fixed else command("model", "use", "onnx:all-MiniLM-L6-v2")
        return note("model", f"off: search goes by words alone, {how}", fix)
    if status.state is EmbeddingState.UNAVAILABLE:
        return warning("model", f"not available, so search goes by words alone: {status.detail}", _retry(command))
    if status.state is EmbeddingState.LOADING:
        return note("model", "still loading; search goes by words meanwhile", command("status"))
    if status.next is not None:
        return _next_model(status, command)
    return ok("model", f"{status.model}, {status.dimension} numbers a text")


def _next_model(status: EmbeddingStatus, command: Command) -> Finding:
    coming = status.next
    if coming is not None and coming.state is EmbeddingState.UNAVAILABLE:
        fix = command("model", "use", status.embedder or "none")
        return warning("model", f"{coming.embedder} cannot take over from {status.embedder}: {coming.detail}", fix)
    return note("model", f"{status.embedder}; {coming.embedder if coming else 'another'} is about to take over")


def _vectors(status: EmbeddingStatus, command: Command) -> Iterator[Finding]:
    if status.state is EmbeddingState.OFF:
        return
    if status.failed:
        yield warning("vectors", f"{memories(status.failed)} could not be embedded", _retry(command))
    elif status.pending:
        yield note("vectors", f"{memories(status.pending)} still without; they are found by words", _retry(command))
    else:
        yield ok("vectors", "every memory has its own")


def _retry(command: Command) -> str:
    return command("backfill-embeddings")


def _reranker(found: Diagnosis) -> Finding:
    status = found.reranker
    if status is not None and status.state is RerankerState.UNAVAILABLE:
        return warning("reranker", f"not available, so hits stay as search has them: {status.detail}")
    return ok("reranker", "" if status is None else f"{status.model or 'chosen'}, {status.state.value}")


def _disk(store: StoreState, location: str) -> Finding:
    free, floor = size(store.free_bytes), size(store.floor_bytes)
    fix = f"du -h -d 1 {shlex.quote(str(PurePath(location).parent))}"
    if store.free_bytes < store.floor_bytes:
        return problem("disk", f"{free} free, less than the {floor} that writing needs: writes are refused", fix)
    needed = store.floor_bytes + 2 * store.size_bytes
    if store.free_bytes < needed:
        return warning("disk", f"{free} free; a verified backup or an upgrade needs {size(needed)}", fix)
    return ok("disk", f"{free} free; writing needs {floor}")


def _log(store: StoreState, command: Command) -> Finding:
    if store.wal_bytes > LONG_LOG_BYTES:
        what = f"{size(store.wal_bytes)} are not in the file yet, so that a start takes long"
        return warning("log", what, command("doctor", "--repair"))
    return ok("log", f"{size(store.wal_bytes)} are not in the file yet")


def _backups(found: Diagnosis, known: BackupList, command: Command) -> Finding:
    create = command("backup", "create")
    if not known.backups:
        level = note if found.store is not None and not found.store.memories else warning
        return level("backup", f"none in {known.folder}", create)
    newest = max(known.backups, key=lambda backup: backup.name)
    about = f"the newest, {newest.name}, is {_age(found.at - newest.created_at)} old"
    if newest.state is BackupState.BROKEN:
        return problem("backup", f"{about} and broken: {newest.problem}", create)
    if found.at - newest.created_at > BACKUP_AGE:
        return warning("backup", about, create)
    if newest.state is BackupState.UNVERIFIED:
        return warning("backup", f"{about}, and was never verified", command("backup", "verify", newest.name))
    return ok("backup", f"{about}, verified {_verified(newest)}; {len(known.backups):,} in {known.folder}")


def _verified(backup: Backup) -> str:
    return "" if backup.verified_at is None else when(backup.verified_at)


def _snapshots(store: StoreState) -> Finding:
    kept = f"{store.snapshots:,} from before upgrades, {size(store.snapshot_bytes)}" if store.snapshots else "none"
    return ok("snapshots", kept)


def _trash(store: StoreState, found: Diagnosis, command: Command) -> Finding:
    kept = "never removed" if found.trash_days is None else f"removed for good after {found.trash_days} days"
    what = f"{memories(store.in_trash)}, {kept}"
    if store.trashed_since is not None and found.trash_days is not None:
        overdue = found.at - store.trashed_since - timedelta(days=found.trash_days)
        if overdue > TRASH_DELAY:
            fix = command("trash", "empty", "--older-than-days", str(found.trash_days), "--yes")
            return warning("trash", f"{what}, but some should have gone {_age(overdue)} ago", fix)
    return ok("trash", what)


def _age(of: timedelta) -> str:
    hours = max(0, int(of / timedelta(hours=1)))
    if hours < 1:
        return "less than an hour"
    return counted(hours, "hour") if hours < 48 else counted(hours // 24, "day")
