"""What is thought of a server's numbers: where each limit lies."""

import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from memory_cli.doctor import judging
from memory_cli.doctor.findings import Finding, Level, command
from memory_cli.handover import Place
from memory_core.backups import Backup, BackupList, BackupState
from memory_core.diagnosis import Diagnosis, Flaw, FlawKind, StoreState
from memory_core.keys import KeyScope, OwnKey
from memory_core.types import EmbeddingState, EmbeddingStatus, NextModel, RerankerState, RerankerStatus

NOW = datetime(2026, 11, 25, 20, tzinfo=UTC)
STORE = StoreState(
    schema_version=3,
    memories=1200,
    in_trash=3,
    trashed_since=NOW - timedelta(days=29),
    revisions=40,
    size_bytes=10_000_000,
    wal_bytes=1000,
    free_bytes=10_000_000_000,
    floor_bytes=67_000_000,
)
READY = EmbeddingStatus(state=EmbeddingState.READY, model="m", dimension=384, embedder="onnx:m")
GOOD = Backup(
    name="20261124T200000.000Z",
    state=BackupState.VERIFIED,
    created_at=NOW - timedelta(days=1),
    bytes=1,
    verified_at=NOW - timedelta(days=1),
)
HEALTHY = Diagnosis(
    version="1.2.3",
    at=NOW,
    location="/var/lib/memory store/memories.duckdb",
    embedding=READY,
    embedder_fixed=False,
    trash_days=30,
    store=STORE,
    backups=BackupList(folder="/backups", backups=(GOOD,)),
)


def in_words(*words: str) -> str:
    return command(Place(), *words)


def of(about: str, **changes: Any) -> Finding:  # Any: whatever field it is
    (finding,) = [each for each in judging.judged(replace(HEALTHY, **changes), in_words) if each.about == about]
    return finding


def test_a_healthy_server_has_nothing_but_ok() -> None:
    assert {finding.level for finding in judging.judged(HEALTHY, in_words)} == {Level.OK}


def test_a_journal_of_sessions_that_cannot_be_used_is_a_warning() -> None:
    found = of("sessions", sessions="sessions.sqlite is damaged; move it away")

    assert (found.level, found.what) == (Level.WARNING, "sessions.sqlite is damaged; move it away")


@pytest.mark.parametrize(
    ("about", "changes", "level", "fix"),
    [
        ("disk", {"free_bytes": 66_999_999}, Level.PROBLEM, "du -h -d 1 '/var/lib/memory store'"),
        ("disk", {"free_bytes": 86_999_999}, Level.WARNING, "du -h -d 1 '/var/lib/memory store'"),
        ("disk", {"free_bytes": 87_000_000}, Level.OK, None),
        ("log", {"wal_bytes": 64 << 20}, Level.OK, None),
        ("log", {"wal_bytes": (64 << 20) + 1}, Level.WARNING, "claude-memory doctor --repair"),
        ("trash", {"trashed_since": NOW - timedelta(days=32)}, Level.OK, None),
        ("trash", {"trashed_since": NOW - timedelta(days=32, hours=1)}, Level.WARNING,
         "claude-memory trash empty --older-than-days 30 --yes"),
        ("snapshots", {"snapshots": 2, "snapshot_bytes": 5_000_000}, Level.OK, None),
    ],
)  # fmt: skip
def test_of_the_store(about: str, changes: dict[str, Any], level: Level, fix: str | None) -> None:
    found = of(about, store=replace(STORE, **changes))

    assert (found.level, found.fix) == (level, fix)


def test_a_trash_that_is_never_emptied_is_never_late() -> None:
    found = of("trash", trash_days=None, store=replace(STORE, trashed_since=NOW - timedelta(days=9000)))

    assert (found.level, found.what) == (Level.OK, "3 memories, never removed")


@pytest.mark.parametrize(
    ("status", "level", "fix"),
    [
        (replace(READY, state=EmbeddingState.OFF), Level.NOTE, "claude-memory model use onnx:all-MiniLM-L6-v2"),
        (replace(READY, state=EmbeddingState.LOADING), Level.NOTE, "claude-memory status"),
        (replace(READY, state=EmbeddingState.UNAVAILABLE, detail="no network"), Level.WARNING,
         "claude-memory backfill-embeddings"),
        (replace(READY, next=NextModel(embedder="onnx:n", state=EmbeddingState.READY)), Level.NOTE, None),
        (replace(READY, next=NextModel(embedder="onnx:n", state=EmbeddingState.UNAVAILABLE, detail="no network")),
         Level.WARNING, "claude-memory model use onnx:m"),
    ],
)  # fmt: skip
def test_of_the_model(status: EmbeddingStatus, level: Level, fix: str | None) -> None:
    found = of("model", embedding=status)

    assert (found.level, found.fix) == (level, fix)
    if level is Level.WARNING:
        assert "no network" in found.what


def test_a_model_that_the_settings_fix_is_not_changed_by_a_command() -> None:
    assert of("model", embedding=replace(READY, state=EmbeddingState.OFF), embedder_fixed=True).fix is None


@pytest.mark.parametrize(("pending", "failed", "level"), [(0, 0, Level.OK), (7, 0, Level.NOTE), (7, 2, Level.WARNING)])
def test_of_vectors(pending: int, failed: int, level: Level) -> None:
    assert of("vectors", embedding=replace(READY, pending=pending, failed=failed)).level is level


def test_a_reranker_that_cannot_be_had_is_said() -> None:
    status = RerankerStatus(state=RerankerState.UNAVAILABLE, detail="no such model")
    assert of("reranker", reranker=status).level is Level.WARNING
    assert of("reranker", reranker=RerankerStatus(state=RerankerState.READY, model="r")).level is Level.OK


@pytest.mark.parametrize(
    ("backups", "level"),
    [
        ((), Level.WARNING),
        ((replace(GOOD, created_at=NOW - timedelta(days=7)),), Level.OK),
        ((replace(GOOD, created_at=NOW - timedelta(days=7, minutes=1)),), Level.WARNING),
        ((GOOD, replace(GOOD, name="20261125T200000.000Z", state=BackupState.UNVERIFIED)), Level.WARNING),
        ((GOOD, replace(GOOD, name="20261125T200000.000Z", state=BackupState.BROKEN, problem="cut")), Level.PROBLEM),
    ],
)
def test_of_backups(backups: tuple[Backup, ...], level: Level) -> None:
    assert of("backup", backups=BackupList(folder="/backups", backups=backups)).level is level


def test_an_empty_store_needs_no_backup() -> None:
    none = BackupList(folder="/backups", backups=())
    assert of("backup", backups=none, store=replace(STORE, memories=0)).level is Level.NOTE


def test_a_store_of_another_kind_leaves_out_what_it_does_not_tell() -> None:
    found = judging.judged(replace(HEALTHY, store=None, backups=None), in_words)
    assert {finding.about for finding in found} == {"model", "vectors"}


def test_the_backup_to_restore_is_the_newest_verified_one() -> None:
    older = replace(GOOD, name="20261101T200000.000Z")
    unverified = replace(GOOD, name="20261125T200000.000Z", state=BackupState.UNVERIFIED)
    broken = replace(GOOD, name="20261125T210000.000Z", state=BackupState.BROKEN)

    def newest(*backups: Backup) -> str | None:
        return judging.newest_good(BackupList(folder="/backups", backups=backups))

    assert newest(older, GOOD, unverified, broken) == GOOD.name
    assert newest(unverified, broken) == unverified.name
    assert newest(broken) is None
    assert judging.newest_good(None) is None


def test_flaws_have_the_command_that_helps_with_their_kind() -> None:
    flaws = tuple(Flaw(kind=kind, count=1000, what=kind.value) for kind in FlawKind)
    findings = judging.integrity(HEALTHY, flaws, in_words, "restore it")
    found = {each.what.split(":")[0]: each for each in findings}

    assert {what: (each.level, each.fix) for what, each in found.items()} == {
        "remains": (Level.NOTE, "claude-memory doctor --repair"),
        "repairable": (Level.PROBLEM, "claude-memory doctor --repair"),
        "lasting": (Level.PROBLEM, "restore it"),
        "noted": (Level.NOTE, None),
    }
    assert found["remains"].what == "remains: 1,000"


def test_a_command_holds_the_options_of_this_run_ready_to_be_pasted() -> None:
    given = command(Place(server="http://memory.lan:8420", data_dir="/my data"), "backup", "create")

    assert shlex.split(given) == [
        "claude-memory", "--server", "http://memory.lan:8420", "--data-dir", "/my data", "backup", "create",
    ]  # fmt: skip


LAPTOP = OwnKey(at=NOW, name="laptop", scope=KeyScope.WRITE)


def judged_key(**fields: Any) -> Finding:  # Any: whatever field it is
    return judging.key(replace(LAPTOP, **fields), "desk", lambda *words: shlex.join(["claude-memory", *words]))


def test_a_key_is_warned_of_from_14_days_before_its_end() -> None:
    soon, later = NOW + timedelta(days=14), NOW + timedelta(days=14, seconds=1)

    assert judged_key().level is Level.OK
    assert judged_key(expires_at=later).level is Level.OK
    warned = judged_key(expires_at=soon)
    assert (warned.level, warned.fix) == (Level.WARNING, "claude-memory keys rotate laptop --expires 90d")
    assert "laptop works for 14 days yet" in warned.what


def test_a_replaced_key_asks_for_the_new_one_and_for_no_other() -> None:
    found = judged_key(expires_at=NOW + timedelta(hours=5), replaced=True)

    assert (found.level, found.fix) == (Level.WARNING, None)
    assert found.what.endswith("; put in what was issued since")


def test_a_key_of_another_client_is_a_problem_with_the_name_to_set() -> None:
    found = judged_key(client_id="the laptop")

    assert (found.level, found.fix) == (Level.PROBLEM, "export MEMORY_CLIENT_ID='the laptop'")
    assert judged_key(client_id="desk").level is Level.OK
