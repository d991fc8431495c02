"""What a session came to, taken from what was said in it: sentences by rules, and no model.

Pure, and the same for the same texts. Where the rules find nothing, as in a language that they do not know, what was
said last is still the summary.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memory_core.sessions import NoteKind, SessionSummary
from memory_server.sessions import wording
from memory_server.sessions.entries import Note
from memory_server.sessions.prose import Passage, labelled, passages, sentences, shortened
from memory_server.sessions.terms import topics, unquoted, words
from memory_server.sessions.wording import Under, under

NOTHING = SessionSummary()
SENTENCE_CHARS = 300
SUMMARY_SENTENCES = 3
MAX_DECISIONS = 8
MAX_OPEN = 8
_LATEST = 6  # so many turns back is looked for what was done, and for what is open
_SAME = 0.7  # two sentences with so many of their words in common say the same
_SETTLES = 0.5  # what is said to be done with so many of the words of what was open, settles that
_CONSIDERED = 200
_ASIDE_OF = 12  # characters: shorter ones say nothing, and so do half as many of a dense script


class Said(NamedTuple):
    """A passage of a note; `age` counts the notes after it, `place` the passages before it."""

    passage: Passage
    under: Under
    text: str
    age: int
    place: int


class Sentence(NamedTuple):
    text: str
    score: float
    order: tuple[int, int, int]


def digest(notes: Sequence[Note], *, title: str | None, before: SessionSummary = NOTHING) -> SessionSummary:
    """Empty where nothing in `notes` says something. `title` is what was asked.

    `before` was found before, maybe in notes that are forgotten by now.
    """
    said = [one for age, note in enumerate(reversed(notes)) for one in _said(note, age)]
    recent = _since_compaction(notes)
    latest = [one for one in said if one.age < min(recent, _LATEST)]
    decisions = _decisions(sorted(said, key=_chronological), before.decisions)
    return SessionSummary(
        summary=_summary(latest, title, avoiding=decisions) or before.summary,
        decisions=decisions,
        open_questions=_open(sorted(latest, key=_chronological)),
        topics=topics([note.text for note in notes], title or ""),
    )


def _said(note: Note, age: int) -> Iterable[Said]:
    for place, passage in enumerate(passages(note.text)):
        label, rest = labelled(passage)
        by_label = under(label)
        if by_label in (Under.DECISIONS, Under.OPEN, Under.ASKED):
            yield Said(passage, by_label, rest, age, place)
        else:
            yield Said(passage, under(passage.heading), passage.text, age, place)


def _since_compaction(notes: Sequence[Note]) -> int:
    """How many of the last notes: those after the last compaction, and that one, which says what was before."""
    for count, note in enumerate(reversed(notes), 1):
        if note.kind is NoteKind.COMPACTION:
            return count
    return len(notes)


def _chronological(one: Said) -> tuple[int, int]:
    return -one.age, one.place


def _decisions(said: Sequence[Said], decided: Sequence[str]) -> tuple[str, ...]:
    found = list(decided)
    for one in said:
        if one.under is Under.DECISIONS:
            found.append(one.text)
        elif one.under is not Under.NOTHING and one.passage.box is not False:
            found += [text for text in sentences(one.text) if _decides(text)]
    return _distinct(found[-_CONSIDERED:])[-MAX_DECISIONS:]


def _decides(text: str) -> bool:
    compares = wording.PREFERENCE.search(text) and wording.REASON.search(text)
    return (
        bool(wording.DECISION.search(text) or compares)
        and not text.endswith(("?", "？"))
        and not wording.UNDECIDED.search(text)
        and not wording.SMALL_TALK.match(text)
    )


def _open(said: Sequence[Said]) -> tuple[str, ...]:
    """What was left open, and nothing that was said later settles."""
    found: list[tuple[int, str]] = []
    for one in said:
        if one.under is Under.NOTHING or one.passage.box is True:
            continue
        if one.under is Under.OPEN or one.passage.box is False:
            if not wording.NONE_LEFT.match(one.text):
                found.append((one.age, one.text))
        else:
            found += [(one.age, text) for text in sentences(one.text) if _is_open(text, one.age)]
    answers = _answers(said)
    still = [text for age, text in found[-_CONSIDERED:] if not _is_settled(words(unquoted(text)), age, answers)]
    return _distinct(still)[-MAX_OPEN:]


def _is_open(text: str, age: int) -> bool:
    if text.endswith(("?", "？")):
        # Whoever went on had an answer: what was asked before the last turn is asked no more.
        return age == 0 and len(words(text)) > 1 and not wording.IDLE_QUESTION.search(text)
    return bool(wording.OPEN.search(text)) and not wording.SMALL_TALK.match(text)


def _answers(said: Sequence[Said]) -> list[tuple[int, frozenset[str]]]:
    """How old what was said to be done is, and its words."""
    return [
        (one.age, words(text))
        for one in said
        for text in sentences(one.text)
        if wording.SETTLED.search(text) and not wording.OPEN.search(text)
    ]


def _is_settled(asked: frozenset[str], age: int, answers: Sequence[tuple[int, frozenset[str]]]) -> bool:
    enough = max(2.0, _SETTLES * len(asked))
    return any(answered < age and len(asked & its) >= enough for answered, its in answers)


def _summary(said: Sequence[Said], title: str | None, *, avoiding: Sequence[str]) -> str | None:
    known = {shortened(text, SENTENCE_CHARS) for text in avoiding}
    found = _informative(said)
    found = [one for one in found if shortened(one.text, SENTENCE_CHARS) not in known] or found
    best = sorted(found, key=lambda one: (-one.score, one.order))[:SUMMARY_SENTENCES]
    done = _distinct([shortened(one.text, SENTENCE_CHARS) for one in sorted(best, key=lambda one: one.order)])
    asked = title or next((_request(one.text) for one in said if one.under is Under.ASKED), None)
    if not done and asked is title:
        return None
    lead = [f"Asked: {_ended(shortened(asked, SENTENCE_CHARS))}"] if asked else []
    return " ".join([*lead, *map(_ended, done)]) or None


def _request(text: str) -> str:
    first = wording.REPORTED.sub("", sentences(text)[0], count=1)
    return first[:1].upper() + first[1:]


def _informative(said: Sequence[Said]) -> list[Sentence]:
    found = []
    for one in said:
        if one.under not in (Under.DONE, Under.OTHER) or one.passage.box is False:
            continue
        for at, text in enumerate(sentences(one.text)):
            if _says_something(text):
                found.append(Sentence(text, _score(text, one, at), (-one.age, one.place, at)))
    return found


def _says_something(text: str) -> bool:
    if len(text.encode()) < _ASIDE_OF or text.endswith(("?", "？", ":")):
        return False
    return not wording.SMALL_TALK.match(text)


def _score(text: str, one: Said, at: int) -> float:
    """Agents say first what came of it; the rest is detail."""
    score = 0.0
    if wording.COMPLETION.search(text):
        score += 2.0
    if one.under is Under.DONE:
        score += 1.5
    if wording.OPEN.search(text):
        score -= 4.0
    score -= 0.25 * min(one.place, 8) + 0.1 * min(at, 8) + 0.6 * one.age
    return score - (0.5 if one.passage.is_item else 0.0) - (1.0 if len(text) > SENTENCE_CHARS else 0.0)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Each once, the latest of those that say the same, in the order in which they are said."""
    kept: list[tuple[str, frozenset[str]]] = []
    for text in map(str.strip, texts):
        its = words(text)
        if not its:
            continue
        kept = [(other, theirs) for other, theirs in kept if not _same(its, theirs)]
        kept.append((shortened(text, SENTENCE_CHARS), its))
    return tuple(dict.fromkeys(text for text, _ in kept))


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= _SAME * len(one | other)


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…", "。", "！", "？", ")", ":")) else f"{text}."
