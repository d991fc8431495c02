"""What of a prompt to an agent can be looked for: its prose, without what was pasted and without mere orders. Pure.

A pasted log says little of what is wanted in many words, and its words are everybody's. An order such as "fix the
tests" names nothing that a memory could be about.
"""

import re

from msgspec import Struct

from memory_core.engine.lexical import terms

MOST_CHARS = 600
"""Of a longer prose, as much from its beginning as from its end: what is wanted stands there."""

_FENCED = re.compile(r"(```|~~~).*?(\1|\Z)", re.DOTALL)
_SLASH_COMMAND = re.compile(r"\A\s*/[a-z][\w:-]*")
# Frames, marks of time, diffs, output of tools, JSON, and whatever is indented.
_PASTED = re.compile(
    r"\s|at \S+[(:]|Traceback \(|File \"|[-+]{1,3}(?=\S)|@@ |diff --git|[$>#] |\[?\d{4}-\d\d-\d\d[T ]|\[?\d\d:\d\d:\d\d"
    r"|npm ERR!|[{\[<]|\S+:\d+:\d+|\S+\(\d+,\d+\)|note: |FAILED |PASSED |\d+ (?:passed|failed)"
)
_TELLS_WHAT_IS_WRONG = re.compile(r"\b(?:error|exception|failed|fatal|panicked|cannot|denied)\b|Error\b", re.IGNORECASE)
# How do we name release branches?
_ASKS_FOR_A_RULE = re.compile(
    r"\A(?:and |so )?(?:how|what|which|who|when|where|why|do|does|is|are|may|must|should)\b.*\b(?:we|our|us)\b",
    re.IGNORECASE,
)

ORDERS = frozenset(
    term
    for word in """
    add again agent ahead allez alright answer apply approach approve bitte bring build bump change changelog
    check ci class clean code comment commit compile continue continuer correct correctly create d'accord danke
    dataclass debug delete describe diff different do docs docstring document done dont draft edit entry error
    errors everything example execute explain fail failing fails fertig file files find fine finish fix fixed
    follow function generate get give go going good got great gut handle handling happen help hint hints hmm
    hold idea implement import imports improve issue it its ja jawohl job just keep kind know last later left
    let lets lgtm like line lines lint linter list log logging logs look looks mach machen main make maybe merci
    merge method mistake more move my name need nein new next nice nochmal non nope now ok okay one open oui
    output part pass passes perfect plan please print problem proceed pull push put question read readme ready
    rebase red redo refactor remove rename repeat replace request rerun reset resolve restart result retry
    revert review rewrite right run say says script see set shorter should show si simple simpler simplify skip
    something sorry sound sounds split squash start still stop suggest summarise summarize sure take tell test
    tests thank thanks that thing things think this tidy todo too try turn two type types understand undo unused
    update use using vale variable wait want way weird weiter well work working works write wrong yeah yep yes
    好的 继续 可以 谢谢 はい お願いします 続けて 네 계속
    """.split()  # noqa: SIM905  a list would fill a screen
    for term in terms(word)
)
"""Terms of what is said to an agent in any project."""


class Asked(Struct, frozen=True, kw_only=True):
    """`text` is the part of a prompt that can be looked for; `subject` those of its terms that no mere order has."""

    text: str
    terms: tuple[str, ...]
    subject: frozenset[str]


def asked(prompt: str) -> Asked | None:
    """Null where `prompt` is only an order, or output of which nothing tells what is wrong."""
    text = _SLASH_COMMAND.sub("", _FENCED.sub("\n", prompt), count=1).strip()
    lines = [line for line in text.splitlines() if line.strip()]
    prose = [line for line in lines if not _PASTED.match(line)] or _what_is_wrong(lines)
    found = _shortened(" ".join(" ".join(prose).split()))
    every = tuple(terms(found))
    subject = frozenset(term for term in every if term not in ORDERS and not (len(term) == 1 and term.isascii()))
    if not subject and _ASKS_FOR_A_RULE.search(found) and len(every) > 1:
        subject = frozenset(every)
    return Asked(text=found, terms=every, subject=subject) if subject else None


def _shortened(prose: str) -> str:
    if len(prose) <= MOST_CHARS:
        return prose
    half = MOST_CHARS // 2
    return f"{prose[:half].rsplit(' ', 1)[0]} {prose[-half:].split(' ', 1)[-1]}"


def _what_is_wrong(lines: list[str]) -> list[str]:
    """Of nothing but output, the last line that tells of an error."""
    return [line for line in lines if _TELLS_WHAT_IS_WRONG.search(line)][-1:]
