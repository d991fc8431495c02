"""What the last sessions left open, and what closes it."""

from datetime import timedelta

import pytest

from memory_core.engine.questions import ASKED, still_open
from memory_core.session_text import written
from memory_core.sessions import SessionSummary
from memory_core.types import Memory, MemoryType
from support.samples import AT, a_memory


def session(*asked: str, hours: int, decisions: tuple[str, ...] = ()) -> Memory:
    said = SessionSummary(summary="Worked.", decisions=decisions, open_questions=asked)
    moment = AT + timedelta(hours=hours)
    return a_memory(written(said), memory_type=MemoryType.SESSION, id=f"{abs(hours):032x}", updated_at=moment)


def left(*memories: Memory) -> list[str]:
    newest_first = sorted(memories, key=lambda memory: memory.updated_at, reverse=True)
    return [question.text for question in still_open(newest_first)]


def test_questions_come_from_the_newest_sessions_each_once() -> None:
    assert left(session("Which port?", "Who owns it?", hours=-9), session("which port", "Is it safe?", hours=-3)) == [
        "which port",
        "Is it safe?",
        "Who owns it?",
    ]


def test_only_the_newest_few_sessions_are_asked() -> None:
    many = [session(f"Question of hour {hours}?", hours=-hours) for hours in range(20)]

    assert left(*many) == [f"Question of hour {hours}?" for hours in range(ASKED)]


@pytest.mark.parametrize(
    ("asked", "told", "answered"),
    [
        ("Which port do we use?", "Which port do we use? 8420.", True),
        ("Which port do we use?", "It was asked which port do we use; it is 8420", True),
        ("Which port do we use?", "which PORT do\n we use - 8420", True),
        ("Which port do we use?", "We use port 8420", False),
        ("Which port do we use?", "Which port do we user-test", False),
        ("Port?", "Port: 8420", True),
        ("Port?", "Another port is used by Redis", False),
        ("Port?", "Portals are closed", False),
        ("端口是多少？", "端口是多少 8420", True),
        ("???", "anything", True),
    ],
)
def test_a_question_is_answered_by_what_has_its_words_in_a_row(asked: str, told: str, answered: bool) -> None:
    answer = a_memory(told, updated_at=AT)

    assert (left(session(asked, hours=-5), answer) == []) is answered


def test_a_decision_of_a_later_session_answers() -> None:
    asked = session("Who owns the cache?", hours=-5)

    assert left(asked, session(hours=-1, decisions=("Who owns the cache? Ana.",))) == []
    assert left(asked, session("Who owns the cache?", hours=-1)) == ["Who owns the cache?"]


def test_what_was_known_before_it_was_asked_is_no_answer() -> None:
    before = a_memory("Who owns the cache? Ana.", updated_at=AT - timedelta(days=9))
    since = a_memory("Who owns the cache? Ben.", updated_at=AT - timedelta(hours=3))

    assert left(before, session("Who owns the cache?", hours=-5)) == ["Who owns the cache?"]
    assert left(since, session("Who owns the cache?", hours=-5), session("Who owns the cache?", hours=-2)) == [
        "Who owns the cache?"
    ], "asked again since"
