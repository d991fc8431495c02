"""What has to speak for a memory before a prompt is told of it."""

import pytest

from memory_core.engine.ports import Candidate
from memory_core.engine.prompts import Asked, asked
from memory_core.engine.relevance import BY_WORDS, EITHER, EVIDENCE, why, words_for
from support.samples import a_memory

MEMORY = a_memory("We deploy on Fridays, only after lunch", tags=())


def the(prompt: str) -> Asked:
    found = asked(prompt)
    assert found is not None
    return found


def candidate(coverage: float, cosine: float | None, content: str = MEMORY.content) -> Candidate:
    return Candidate(memory=a_memory(content, tags=()), bm25=1.0, coverage=coverage, cosine=cosine)


@pytest.mark.parametrize(
    ("coverage", "cosine", "shown"),
    [
        (0.4, EVIDENCE - 0.4, True),
        (0.4, EVIDENCE - 0.41, False),
        (1.0, EITHER - 0.01, False),
        (EITHER - 0.01, 0.9, False),
        (BY_WORDS, None, True),
        (BY_WORDS - 0.01, None, False),
    ],
)
def test_words_and_meaning_have_to_speak_for_it_together(coverage: float, cosine: float | None, shown: bool) -> None:
    found = words_for(candidate(coverage, cosine), the("can we deploy it on Friday?"), noise=0.0)

    assert (found is not None) is shown


def test_what_unrelated_texts_have_in_common_counts_as_nothing() -> None:
    deploy = the("can we deploy it on Friday?")

    assert words_for(candidate(0.4, 0.7), deploy, noise=0.7) is None
    assert words_for(candidate(0.4, 0.9), deploy, noise=0.7) is not None


def test_words_that_any_order_has_decide_nothing() -> None:
    """`test` and `run` are in every second prompt."""
    prompt = the("run the test of the harbour gateway")

    assert words_for(candidate(0.6, 0.4, "Run one test with pytest -k"), prompt, noise=0.0) is None
    assert words_for(candidate(0.6, 0.4, "the gateway is slow"), prompt, noise=0.0) == ("gateway",)
    assert words_for(candidate(0.9, None, "the gateway is slow"), prompt, noise=0.0) is None, "one word alone"


def test_one_odd_word_in_an_order_names_no_subject() -> None:
    prompt = the("translate the comments")

    assert words_for(candidate(1.0, 0.3, "the agency translates on Wednesday"), prompt, noise=0.0) is None
    assert words_for(candidate(1.0, 0.5, "the agency translates on Wednesday"), prompt, noise=0.0) == ("translate",)


def test_it_says_what_spoke_for_it_in_the_prompts_own_words() -> None:
    words = words_for(candidate(0.5, 0.5), the('Deploying "Friday"? Deploying, then lunch…'), noise=0.0)

    assert words == ("deploying", "friday", "lunch…")
    assert why(0.6249, words) == "relevant to the prompt: score 0.62, words 'deploying', 'friday', 'lunch…'"
    assert why(1.0, ()) == "relevant to the prompt: score 1.00, by its meaning"
    assert len(why(0.5, ("x" * 900 + "\n\x1b",) * 9)) < 250
