"""By which words a sentence is known for a decision, for something open, for something done, or for nothing at all.

Tables; English in the main, with a few words of other languages, whose sessions are summarised by position alone.
"""

import re
from enum import Enum, auto


class Under(Enum):
    """What stands under a heading."""

    DECISIONS = auto()
    OPEN = auto()
    ASKED = auto()
    DONE = auto()
    NOTHING = auto()  # quotations, lists of files, commands
    OTHER = auto()


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b", re.IGNORECASE)


_HEADINGS = (
    (Under.NOTHING, _words(
        "user messages", "files and code", "key files", "files (?:changed|modified|touched)", "commands?", "usage",
        "how to (?:run|test|use)", "references", "links", "example", "test plan",
    )),
    (Under.DECISIONS, _words(
        "decisions?", "decided", "agreed", "design choices?", "entscheidung(?:en)?", "décisions?", "decisi[oó]n(?:es)?",
        "decis(?:ão|ões)",
    )),
    (Under.OPEN, _words(
        "open (?:questions?|points?|issues?|items?|ends?)", "next steps?", "next", "pending", "to-?dos?",
        "remaining", "left to do", "what(?:'s| is) left", "still (?:open|to do)", "follow[- ]?ups?", "outstanding",
        "unresolved", "not (?:yet )?done", "questions?(?: for you)?", "blockers?", "blocked", "nächste schritte",
        "offene? (?:fragen?|punkte?)", "prochaines étapes", "questions ouvertes", "pr[oó]ximos pasos", "pendientes?",
        "próximos passos",
    )),
    (Under.ASKED, _words("primary request", "request", "intent", "goal", "objective", "aufgabe", "ziel", "objectif")),
    (Under.DONE, _words(
        "current work", "summary", "what (?:i|was|we) (?:did|done|changed|fixed)", "changes?", "done", "completed",
        "results?", "outcome", "status", "implemented", "fixed", "zusammenfassung", "résumé", "resumen", "resumo",
    )),
)  # fmt: skip

DECISION = _words(
    "decided (?:to|on|against|that|not)", "decided", "decision(?: is| was)?", "chose", "have chosen", "was chosen",
    "opted (?:for|to)", "agreed (?:to|on|that)", "we agreed", "settled on", "going with", "we(?:'ll| will)? go with",
    "went with", "(?:we|it|they|this|project|tests?|server|api)(?:'ll| will) use",
    "from now on", "switched (?:from|to)", "standardi[sz]ed on", "entschieden", "beschlossen", "décidé de",
    "avons choisi", "decidimos", "hemos decidido", "decidi(?:u|ram)",
)  # fmt: skip
# These compare, and only decide where somebody says who does, or why.
PREFERENCE = _words("instead of", "rather than")
REASON = _words("because", "since", "so that", "we", "user", "will", "should", "prefer(?:red|s)?", "keep", "use")
UNDECIDED = _words(
    "undecided", "not (?:yet )?decided", "(?:haven't|hasn't|have not|has not|not yet) (?:been )?decided",
    "to be decided", "needs? (?:a|your) decision", "(?:can|could|should|must|to) decide", "your decision",
    "if (?:you|we) (?:decided?|go|went|chose|choose)", "noch nicht entschieden",
)  # fmt: skip

OPEN = _words(
    "todo", "to do next", "still open", "remains? (?:open|to be|unclear|undecided)", "remaining", "next steps?",
    "not yet", "still (?:needs?|to be|fails?|failing|missing|pending)", "left to do", "yet to be", "pending",
    "needs? (?:a|your) (?:decision|answer|review|input|confirmation)", "to be decided", "undecided", "follow-?up",
    "blocked (?:on|by)", "haven't (?:yet )?\\w+ed", "have not (?:yet )?\\w+ed", "waiting (?:for|on)", "unclear whether",
    "noch (?:offen|nicht)", "ausstehend", "reste à", "pas encore", "pendiente", "falta(?:n)? por",
)  # fmt: skip
NONE_LEFT = _words(
    "none", "nothing", "n/a", "no (?:pending|open|remaining|outstanding|further|other|more)", "no next steps?",
    "all (?:done|tasks? (?:are |were )?(?:done|completed?))", "awaiting (?:further|new) instructions", "keine",
    "aucune?", "ninguna?",
)  # fmt: skip

COMPLETION = _words(
    "added", "adds", "changed", "created", "fixed", "fixes", "implemented", "moved", "removed", "renamed", "replaced",
    "updated", "wrote", "written", "committed", "merged", "deployed", "released", "refactored", "migrated", "built",
    "found", "caused by", "because", "root cause", "the (?:cause|reason|problem|bug)", "now (?:uses?|returns?|is|are)",
    "works?", "pass(?:es|ed)?", "completed?", "resolved", "finished", "done", "verified", "measured", "investigated",
    "geändert", "hinzugefügt", "behoben", "erstellt", "ajouté", "corrigé", "añadido", "agregado", "corregido",
)  # fmt: skip
SETTLED = _words(
    "added", "changed", "created", "fixed", "implemented", "moved", "removed", "renamed", "replaced", "updated",
    "written", "wrote", "committed", "merged", "deployed", "released", "migrated", "completed?", "resolved", "finished",
    "done", "verified", "now", "answered", "confirmed",
)  # fmt: skip

# A beginning that leads up to something, or is only polite.
SMALL_TALK = re.compile(
    r"(?:great|perfect|excellent|sure|ok(?:ay)?|alright|thanks?|thank you|good (?:question|catch|idea|point)|hello|hi|"
    r"you're (?:absolutely )?(?:right|welcome)|you are right|let me|let's|now,? (?:let me|let's|i'll|i will|i need)|"
    r"i'll|i will|i'm going to|i am going to|first,? (?:let me|i'll|i)|next,? (?:let me|i'll)|here(?:'s| is|are)|"
    r"feel free|happy to|glad|please|as you can see|want me to|would you like|shall i|should i|do you want)\b",
    re.IGNORECASE,
)
REPORTED = re.compile(
    r"the user (?:has )?(?:asks|asked|wants|wanted|requested|requests)(?: me)?(?: to| for)? ", re.IGNORECASE
)
IDLE_QUESTION = _words(
    "anything else", "what (?:else )?(?:would|can|should|do) (?:you|i) (?:like|want|help|do)(?: me)?(?: to do)?",
    "how can i help", "does (?:that|this) (?:help|make sense|work for you|look (?:good|right))", "sound good", "okay",
    "(?:shall|should|may) i (?:continue|proceed|go (?:on|ahead))", "would you like me to (?:continue|proceed)",
    "want me to (?:continue|proceed)",
)  # fmt: skip


def under(heading: str) -> Under:
    if not heading:
        return Under.OTHER
    return next((kind for kind, words in _HEADINGS if words.search(heading)), Under.OTHER)
