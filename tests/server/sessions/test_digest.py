"""The digest of a session: what was asked and done, what was decided and left open, of texts as agents write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core import session_text
from memory_core.sessions import NoteKind, SessionSummary
from memory_server.sessions.digest import MAX_DECISIONS, MAX_OPEN, SENTENCE_CHARS, digest
from memory_server.sessions.entries import Note
from memory_server.sessions.prose import passages, sentences
from memory_server.sessions.terms import MAX_TOPICS
from support import said

AT = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
COMPACTIONS = (said.COMPACTED, said.COMPACTED_DONE)


def of(*texts: str, title: str | None = None) -> SessionSummary:
    notes = [
        Note(
            at=AT + timedelta(minutes=number),
            kind=NoteKind.COMPACTION if text in COMPACTIONS else NoteKind.TURN,
            text=text,
        )
        for number, text in enumerate(texts)
    ]
    return digest(notes, title=title)


def test_a_turn_tells_what_was_done_what_was_decided_and_what_it_asked() -> None:
    summary = of(said.PORT_MOVED, title="Move the API to port 9000")

    assert summary.summary is not None
    assert summary.summary.startswith(
        "Asked: Move the API to port 9000. The API now listens on port 9000, and the health check was moved with it."
    )
    assert summary.decisions == ("We decided to keep PORT as an override, because the staging machine still sets it.",)
    assert summary.open_questions == ("Should the old port keep answering with a redirect for a release?",)
    assert summary.topics == ("config.py", "test_config.py")


def test_what_a_later_turn_did_or_answered_is_open_no_more() -> None:
    summary = of(said.PORT_MOVED, said.GOING_ON, said.HELM_DONE, title="Move the API to port 9000")

    assert summary.open_questions == (
        "Not yet measured: what the migration costs on the large customer's database",
        "tell the platform team before the next rollout.",
    )
    assert "The Helm chart is updated" in (summary.summary or "")
    assert "We decided to keep PORT" in summary.decisions[0]


def test_headings_and_ticked_boxes_say_what_a_list_is() -> None:
    summary = of(said.WITH_HEADINGS)

    assert summary.decisions == (
        "PostgreSQL notifications instead of Redis pub/sub: one service less to run",
        "Jobs stay at-least-once; consumers must be idempotent",
    )
    assert summary.open_questions == (
        "Who owns the dead-letter table?",
        "Alert when the queue is longer than 10,000",
    )
    assert summary.summary == (
        "I replaced the polling loop in src/queue/worker.py with LISTEN/NOTIFY, which brings the latency of a job from "
        "2 s to 15 ms."
    )


def test_a_compaction_is_read_by_its_sections_and_not_by_what_stands_in_quotations_or_asides() -> None:
    summary = of(said.COMPACTED)

    assert (summary.summary or "").startswith("Asked: Rate limiting on the public endpoints of the billing service.")
    assert "counts each API key; 31 tests pass" in (summary.summary or "")
    assert summary.decisions == (
        "We chose a token bucket over a fixed window, because bursts at the window's edge doubled the rate.",
    )
    assert summary.open_questions[:2] == ("Return Retry-After in 429 answers", "Document the limits in the README")
    assert summary.topics == ("limits.py", "app.py")


def test_a_compaction_says_what_of_before_is_still_open() -> None:
    assert of(said.GOING_ON, said.COMPACTED_DONE).open_questions == ()


def test_a_compaction_whose_tasks_are_done_leaves_nothing_open() -> None:
    summary = of(said.COMPACTED_DONE)

    assert summary.open_questions == ()
    assert (summary.summary or "").startswith("Asked: Fix the flaky login test.")


def test_of_a_compaction_that_was_cut_within_its_aside_the_rest_is_read() -> None:
    before, _, after = said.COMPACTED.partition("Let me go through")
    cut = f"{before}We decided on nothing\n…\n and on nothing here.\n</analysis>\n{after.partition('</analysis>')[2]}"

    assert of(cut).decisions == of(said.COMPACTED).decisions


def test_politeness_comes_to_nothing() -> None:
    assert of(said.SMALL_TALK_ONLY, title="thanks").is_empty


def test_an_offer_to_go_on_is_no_open_question() -> None:
    summary = of(said.IDLE_OFFER)

    assert summary.open_questions == ()
    assert summary.summary == "The icons are SVG now, and the sprite sheet was removed, which saves 140 kB."


def test_what_tools_printed_is_left_out() -> None:
    summary = of(said.TOOL_NOISE)

    assert summary.decisions == ()
    assert summary.summary == (
        "The snapshot was outdated after the button got its new label; I updated it and the suite is green."
    )


def test_code_that_is_never_closed_hides_what_follows_and_nothing_before() -> None:
    summary = of(said.UNCLOSED)

    assert (summary.summary, summary.decisions) == ("The build works again.", ())


def test_other_languages_have_a_summary_too() -> None:
    german, japanese = of(said.GERMAN), of(said.JAPANESE)

    assert (german.summary or "").startswith("Die Suche ist jetzt in suche.py umgesetzt")
    assert german.open_questions == ("Die Trefferliste nach Datum sortieren",)
    assert (japanese.summary or "").startswith("検索機能を実装しました。")


def test_an_answer_settles_what_was_asked_a_turn_before() -> None:
    summary = of(said.QUESTION_ANSWERED, said.ANSWER)

    assert summary.open_questions == ()
    assert len(summary.decisions) == 1


def test_what_is_not_decided_is_no_decision() -> None:
    summary = of(said.UNDECIDED)

    assert summary.decisions == ()
    assert len(summary.open_questions) == 1


def test_what_is_said_again_is_kept_once() -> None:
    assert len(of(said.PORT_MOVED, said.PORT_MOVED + " ").decisions) == 1


def test_no_notes_come_to_nothing() -> None:
    assert of(title="a title alone") == SessionSummary()


@pytest.mark.parametrize("text", said.EVERYTHING)
def test_the_same_texts_come_to_the_same_and_survive_being_written(text: str) -> None:
    summary = of(text, title="a title")

    assert of(text, title="a title") == summary
    if not summary.is_empty:
        assert session_text.read(session_text.written(summary), summary.topics) == summary


ANYTHING = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=400)
MARKED = st.lists(
    st.sampled_from(
        [
            "# Decisions", "**Next steps:**", "- [ ] ", "- ", "1. ", "```", "~~~", "<summary>", "</summary>",
            "<analysis>", "</analysis>", "…", "|a|b|", "> ", "we decided to ", "TODO: ", "is it done?", "not yet",
            "it was fixed. ", "[redacted:aws-key]", "`src/a_b.py`", "\n", "\n\n", "。", "\u2028", "\x0b",
        ]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(NoteKind), ANYTHING | MARKED), max_size=6), st.none() | ANYTHING)
def test_whatever_was_said_the_digest_fits_its_limits(texts: list[tuple[NoteKind, str]], title: str | None) -> None:
    notes = [Note(at=AT, kind=kind, text=text) for kind, text in texts]

    summary = digest(notes, title=title)

    assert len(summary.decisions) <= MAX_DECISIONS
    assert len(summary.open_questions) <= MAX_OPEN
    assert len(summary.topics) <= MAX_TOPICS
    assert all(len(line) <= SENTENCE_CHARS for line in (*summary.decisions, *summary.open_questions))
    assert len(summary.summary or "") <= 5 * (SENTENCE_CHARS + 2)


@given(ANYTHING | MARKED)
def test_passages_are_lines_without_a_break(text: str) -> None:
    for passage in passages(text):
        assert passage.text == " ".join(passage.text.split())
        assert passage.text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It is in v1.2 of a.py, e.g. there.", ["It is in v1.2 of a.py, e.g. there."]),
        ("終わりました。次へ。", ["終わりました。", "次へ。"]),
        ('He said "stop." Then it stopped.', ['He said "stop."', "Then it stopped."]),
    ],
)
def test_sentences_end_where_the_next_begins(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts
