"""Which words find which text."""

import hashlib
import time
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.engine.lexical import ANALYSER_VERSION, MAX_TERM_CHARS, STOP_WORDS, entry, indexed_text, terms
from memory_core.types import MemoryType
from support.samples import a_memory

LARGE = 64 * 1024


def shared(left: str, right: str) -> set[str]:
    return terms(left).keys() & terms(right).keys()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The deployments are running", {"deploy", "run"}),
        ("user_profile", {"user_profile", "user", "profil"}),
        ("getHTTPResponse", {"gethttprespons", "get", "http", "respons"}),
        ("foo.bar::baz", {"foo.bar::baz", "foo.bar", "foo", "bar", "baz"}),
        ("src/app/main.py", {"src/app/main.py", "main.py", "src", "app", "main", "py"}),
        ("__init__", {"init"}),
        ("--dry-run", {"dry-run", "dri", "run"}),
        ("v3.11.7", {"3.11", "3.11.7"}),
        ("port 8420", {"port", "8420"}),
        ("2026-11-23", {"2026-11-23", "2026", "11", "23"}),
        ("Melanie's don't we'll", {"melani"}),
        ("Café ＡＢＣ naïve", {"cafe", "abc", "naiv"}),
        ("STRASSE Straße", {"strass"}),
        ("数据库", {"数据", "据库"}),
        ("猫", {"猫"}),
        ("東京 tower塔x", {"東京", "tower", "塔", "x"}),
        ("데이터베이스", {"데이", "이터", "터베", "베이", "이스"}),
        ("ฐานข้อมูล", {"ฐา", "าน", "นข", "ข้", "้อ", "อม", "มู", "ูล"}),
        ("हिन्दी में", {"हिन्दी", "में"}),
        ("مُحَمَّد", {"مُحَمَّد"}),
        ("soft\u00adhyphen", {"softhyphen"}),
        ("What is it? Who are they?", set()),
        ("", set()),
        ("!?… — 😀", set()),
    ],
)
def test_the_terms_of(text: str, expected: set[str]) -> None:
    assert set(terms(text)) == expected


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("app.py", "see src/memory_core/app.py"),
        ("http response", "call parseHTTPResponse()"),
        ("postgres", "We moved to PostGres"),
        ("python 3.11", "needs Python 3.11.7"),
        ("deploying", "the last deployment"),
        ("github.com", "https://github.com/acme/shop.git"),
        ("resume", "my Résumé"),
        ("数据库", "我们的数据库很大"),
    ],
)
def test_a_query_shares_a_term_with_what_it_means(query: str, text: str) -> None:
    assert shared(query, text)


def test_occurrences_are_counted() -> None:
    assert terms("test tests testing of the test") == {"test": 4}


def test_numbers_keep_memories_apart() -> None:
    """Embeddings hardly see digits; words must."""
    assert not shared("8420", "8421")
    assert not shared("3.11", "3.12")


@given(st.text())
def test_any_text_has_terms_that_can_be_stored(text: str) -> None:
    for term, count in terms(text).items():
        assert term
        assert count > 0
        assert len(term) <= 3 * MAX_TERM_CHARS
        assert not any(char.isspace() for char in term)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_written_in_another_normal_form_has_the_same_terms(text: str) -> None:
    assert terms(unicodedata.normalize("NFD", text)) == terms(unicodedata.normalize("NFC", text))


@given(st.lists(st.sampled_from(["deploy", "数据库", "user_id", "3.11", "Café", "of"]), max_size=8))
def test_a_text_has_the_terms_of_its_words(words: list[str]) -> None:
    together = terms(" ".join(words))

    assert together.keys() == {term for word in words for term in terms(word)}


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        ".",
        "a.",
        "_",
        "aB",
        "A",
        "1",
        "1.",
        "'s",
        "a'",
        "猫",
        "猫a",
        "ๆ",
        "a\u0301\u0323",
        "\u0301",
        "-a",
        "://",
        "é",
    ],
)
def test_the_cost_grows_with_the_length_and_no_faster(unit: str) -> None:
    """Sixteen times the text may take sixteen times as long; a quadratic step would take 256 times."""
    short, long = unit * (LARGE // 16 // len(unit)), unit * (LARGE // len(unit))
    terms(long)  # the stems are remembered from here on

    assert _cost(long) < 64 * _cost(short) + 0.02


def _cost(text: str) -> float:
    """The least of three: what else the machine does only adds."""

    def once() -> float:
        start = time.thread_time()
        terms(text)
        return time.thread_time() - start

    return min(once() for _ in range(3))


def test_a_blob_is_one_short_term() -> None:
    assert [len(term) for term in terms("QmFzZTY0" * 5_000)] == [MAX_TERM_CHARS]


def test_stop_words_hold_the_question_words() -> None:
    assert {"who", "what", "when", "where", "why", "how", "which", "did"} <= STOP_WORDS


def test_who_when_what_kind_and_which_tags_are_indexed_with_the_content() -> None:
    memory = a_memory(
        "We chose DuckDB",
        memory_type=MemoryType.DECISION,
        tags=("storage", "sql"),
        client_id="anna-laptop",
        created_at=datetime(2023, 5, 8, 13, 56, tzinfo=UTC),
        updated_at=datetime(2024, 1, 1, tzinfo=UTC),
    )

    assert indexed_text(memory) == "anna-laptop (8 May 2023, decision, storage, sql): We chose DuckDB"
    assert entry(memory).memory is memory
    plain = a_memory("We chose DuckDB", memory_type=MemoryType.OBSERVATION, tags=(), client_id=None)
    assert indexed_text(plain) == "(23 November 2026): We chose DuckDB"
    assert {"anna", "may", "2023", "storag", "duckdb"} <= entry(memory).terms.keys()


def test_other_terms_of_the_same_text_need_another_version() -> None:
    """What is stored was analysed by the version of its day: a silent change would make it unfindable."""
    digests = {1: "c95b8ac470b15b26", 2: "c95b8ac470b15b26"}  # 2 has the digests of contents besides
    text = "Why didn't getUserById in src/core/app.py v3.11.7 find the Café's 数据库-backup_2026 at 10:30?"

    assert hashlib.sha256(repr(sorted(terms(text).items())).encode()).hexdigest()[:16] == digests[ANALYSER_VERSION]
