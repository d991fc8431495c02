"""The summary of a session survives being a memory's text."""

from hypothesis import given
from hypothesis import strategies as st

from memory_core import session_text
from memory_core.sessions import SessionSummary

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
LINES = st.lists(TEXT.filter(str.strip), max_size=5)


@given(decisions=LINES, open_questions=LINES)
def test_both_lists_come_back_as_they_were(decisions: list[str], open_questions: list[str]) -> None:
    said = SessionSummary(summary="It moved", decisions=tuple(decisions), open_questions=tuple(open_questions))

    back = session_text.read(session_text.written(said))

    assert back == said


def test_what_a_person_made_of_it_is_read_too() -> None:
    content = "Moved the importer.\n\nOpen questions:\n-  Does it need a lock?  \n\nAna will look at it."

    back = session_text.read(content, ["importer"])

    assert back == SessionSummary(
        summary="Moved the importer.\n\nAna will look at it.",
        open_questions=("Does it need a lock?",),
        topics=("importer",),
    )


def test_a_text_without_headings_is_all_summary() -> None:
    assert session_text.read("- one\n- two").summary == "- one\n- two"
