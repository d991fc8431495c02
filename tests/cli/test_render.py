from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_cli import change_words, render, store_words
from memory_core.types import EmbeddingState, EmbeddingStatus, PurgeReport, RerankerState, RerankerStatus, Stats
from support.samples import AT, a_memory


def test_a_memory_is_one_line_of_six_fields() -> None:
    line = render.memory_line(a_memory("two\nlines\tand a tab"), UTC)

    assert line.split("\t") == [
        "1a2b3c4d",
        "decision",
        "2026-11-23 08:30",
        "github.com/acme/shop",
        "ops,release",
        "two lines and a tab",
    ]


def test_a_memory_without_project_and_tags_has_as_many_fields() -> None:
    assert render.memory_line(a_memory(project_id=None, tags=()), UTC).split("\t")[3:5] == ["-", "-"]


@given(st.text(), st.lists(st.text(min_size=1)), st.one_of(st.none(), st.text(min_size=1)))
def test_whatever_a_memory_holds_its_line_is_one_line_of_six_fields(
    content: str, tags: list[str], project_id: str | None
) -> None:
    line = render.memory_line(a_memory(content, tags=tuple(tags), project_id=project_id), UTC)

    assert line.count("\t") == 5
    assert len(line.splitlines()) == 1


@given(st.text())
def test_nothing_that_a_terminal_obeys_gets_through(text: str) -> None:
    shown = render.visible(text)

    assert all(char in "\n\t" or (ord(char) >= 0x20 and not 0x7F <= ord(char) <= 0x9F) for char in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb", "a\\u202eb"),
        ("bell\a", "bell\\x07"),
        ("line\r\nend", "line\nend"),
        ("over\rwritten", "over\\x0dwritten"),
        ("grüße 你好 👩‍👩‍👧 tab\t", "grüße 你好 👩‍👩‍👧 tab\t"),
    ],
)
def test_control_characters_are_written_out_and_text_stays(text: str, shown: str) -> None:
    assert render.visible(text) == shown


def test_a_memory_in_full_shows_every_field_that_it_has_and_its_whole_text() -> None:
    shown = render.memory_in_full(a_memory("first\nsecond", updated_at=AT + timedelta(days=1)), UTC)

    assert shown.startswith("id         1a2b3c4d000000000000000000000000\ntype       decision\n")
    assert "updated    2026-11-24 08:30" in shown
    assert "source" not in shown
    assert shown.endswith("\n\nfirst\nsecond")


def test_a_memory_of_no_project_says_so_in_full() -> None:
    assert "project    none" in render.memory_in_full(a_memory(project_id=None), UTC)


def test_stats_name_their_scope_and_sort_by_count() -> None:
    stats = Stats(
        total_memories=1204,
        memories_with_embeddings=1200,
        embeddings_available=True,
        embedding=EmbeddingStatus(
            state=EmbeddingState.READY, model="all-MiniLM-L6-v2", dimension=384, pending=4, failed=1
        ),
        in_trash=2,
        by_type={"fact": 4, "decision": 1200},
        storage_path="/var/lib/memories.duckdb",
        storage_bytes=1_234_567,
    )

    assert store_words.stats_text(stats, scope="project shop").splitlines() == [
        "Project shop",
        "",
        "memories         1,204",
        "with embeddings  1,200",
        "in trash         2",
        "embeddings       ready; all-MiniLM-L6-v2, 384 dimensions; 4 pending; 1 failed",
        "storage          /var/lib/memories.duckdb (1.2 MB)",
        "",
        "By type",
        "  1,200  decision",
        "      4  fact",
    ]


def test_a_model_that_cannot_be_had_is_shown_with_the_reason() -> None:
    status = EmbeddingStatus(state=EmbeddingState.UNAVAILABLE, detail="no model file; install one")

    assert store_words.embedding_text(status) == "not available; no model file; install one"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (None, ""),
        (RerankerStatus(state=RerankerState.LOADING), "loading"),
        (RerankerStatus(state=RerankerState.READY, model="MiniLM"), "ready; MiniLM"),
        (
            RerankerStatus(state=RerankerState.UNAVAILABLE, detail="no file;\nget one"),
            "not available; no file; get one",
        ),
    ],
)
def test_a_reranker_is_shown_where_one_was_asked_for(status: RerankerStatus | None, said: str) -> None:
    assert store_words.reranker_text(status) == said


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (PurgeReport(dry_run=True, matched=0, purged=0), "Nothing fits; nothing to purge"),
        (PurgeReport(dry_run=True, matched=1, purged=0), "1 memory would go to the trash"),
        (PurgeReport(dry_run=False, matched=2000, purged=2000), "Moved 2,000 memories to the trash"),
    ],
)
def test_a_purge_says_what_it_did(report: PurgeReport, said: str) -> None:
    assert change_words.purge_text(report).startswith(said)


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 bytes"), (999, "999 bytes"), (12_300, "12.3 kB"), (5 * 10**12, "5.0 TB")]
)
def test_sizes_are_rounded_for_people(count: int, shown: str) -> None:
    assert render.size(count) == shown
