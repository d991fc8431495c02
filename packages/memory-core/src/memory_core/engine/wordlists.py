"""Words that decide whether two alike texts say the same: negations, opposites, what tells subjects apart, units.

Data only, read by `reading` and `likeness`. English, and the commonest negations of some other languages.
"""

NOT = "¬"
NEGATIONS = frozenset(
    """not no never without cannot neither nor nothing nobody unless instead rather
    nicht kein keine keinen keiner keinem nie niemals ohne
    ne pas sans jamais aucun aucune sin nunca ningún ninguna não sem non senza mai
    не нет без никогда 不 没 無 无 ない ません""".split()  # noqa: SIM905  a list would fill a screen
)

# That something was changed: such a text names the old and the new, and shares less with what it replaces.
CHANGES = frozenset(
    """moved migrated switched converted replaced renamed upgraded downgraded instead longer anymore
    formerly previously now meanwhile superseded deprecated retired""".split()  # noqa: SIM905
)

# What follows one of these is not what stands before it: `A before B` is not `B before A`.
DIRECTIONS = frozenset(("before", "after", "over", "than", "from"))

# A word after one of these names a thing.
DETERMINERS = frozenset("the a an of for in at to by with this that our my its all each every".split())  # noqa: SIM905

# The sides of a line exclude each other: where one text has one and the other text another, they contradict.
_SWITCHES = """
always|never
enable enabled enables on|disable disabled disables off
allow allowed allows permit permitted|forbid forbidden forbids deny denied denies prohibit prohibited
accept accepted accepts|refuse refused refuses reject rejected rejects
before|after
include included includes including|exclude excluded excludes excluding
required requires mandatory|optional
public|private
internal|external
ascending|descending
succeed succeeded succeeds passes passed pass works|fail failed fails breaks broken
synchronous sync synchronously|asynchronous async asynchronously
lowercase lower|uppercase upper
like likes love loves|dislike dislikes hate hates
tabs|spaces
open opened|closed close
first|last
minimum min least|maximum max most
more|less fewer
increase increased increases raise raised|decrease decreased decreases reduce reduced
true yes|false
safe secure|unsafe insecure
locked|unlocked
encrypted|unencrypted plaintext
start starts started|stop stops stopped
add added adds|remove removed removes
manual manually|automatic automatically
light|dark
single|double
strict|lenient
short brief|long verbose detailed
blocking|nonblocking
inclusive|exclusive
stateless|stateful
relative|absolute
mutable|immutable
keep kept keeps|drop dropped drops delete deleted deletes
fast faster|slow slower
up|down
"""

# Texts about different ones of these are about different things, and do not contradict.
_SUBJECTS = """
staging|production prod|development dev|preview|qa|local locally
frontend|backend
client clients|server servers
ios|android|web
linux|windows|macos
primary|replica secondary standby
unit|integration|e2e
read reads|write writes
import imports importer|export exports exporter
upload uploads|download downloads
request requests|response responses
input inputs|output outputs
left|right
source|target
laptop|desktop|server
customer customers|supplier suppliers
"""

# What counts things: `step 1` and `step 2` are two things, where `port 1` and `port 2` are two values.
LABELS = frozenset(
    """step todo lesson decision bug issue pr request ticket task chapter section session sprint item part phase
    milestone adr rule question story epic incident point note appendix figure experiment attempt round""".split()  # noqa: SIM905
)

# Words that open a text without being its subject.
LEADS = frozenset(("fact", "note", "user", "team", "todo", "decision", "please"))

# What the stemmer leaves apart: all forms of a line are the first.
_IRREGULAR = """
begin began begun
break broke broken
bring brought
build built
buy bought
catch caught
choose chose chosen
drive drove driven
fall fell fallen
find found
forget forgot forgotten
freeze froze frozen
get got
give gave given
go goes went gone going
grow grew grown
hide hid hidden
hold held
keep kept
know knew known
leave left
lose lost
make made
meet met
pay paid
rebuild rebuilt
run ran
say said
see saw seen
send sent
show shown
speak spoke spoken
take took taken
teach taught
tell told
think thought
throw threw thrown
write wrote written
"""

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = "january february april june july august september october november december".split()  # noqa: SIM905
_UNITS = """
% percent
ns nanosecond nanoseconds
µs μs us microsecond microseconds
ms millisecond milliseconds
s sec secs second seconds
min mins minute minutes
h hr hrs hour hours
d day days
week weeks
month months
year years
B byte bytes
KB kB kilobyte kilobytes
MB megabyte megabytes
GB gigabyte gigabytes
TB terabyte terabytes
KiB
MiB
GiB
TiB
px pixel pixels
"""
_NUMBERS = """
2 two
3 three
4 four
5 five
6 six
7 seven
8 eight
9 nine
10 ten
11 eleven
12 twelve
13 thirteen
14 fourteen
15 fifteen
20 twenty
30 thirty
40 forty
50 fifty
60 sixty
90 ninety
100 hundred
"""


def _first_of_line(lines: str) -> dict[str, str]:
    return {word: words[0] for words in map(str.split, lines.strip().splitlines()) for word in words}


def _places(lines: str) -> dict[str, tuple[tuple[int, int], ...]]:
    """Word → the lines it stands in, each with its side."""
    found: dict[str, tuple[tuple[int, int], ...]] = {}
    for line, sides in enumerate(lines.strip().splitlines()):
        for side, words in enumerate(sides.split("|")):
            for word in words.split():
                found[word] = (*found.get(word, ()), (line, side))
    return found


SWITCHES = _places(_SWITCHES)
SUBJECTS = _places(_SUBJECTS)
IRREGULAR = _first_of_line(_IRREGULAR)
UNITS = _first_of_line(_UNITS)
LITERALS = {
    **_first_of_line(_NUMBERS),
    **{form: day for day in _DAYS for form in (day, f"{day}s")},
    **dict(zip(_MONTHS, _MONTHS, strict=True)),
}
CAPITAL_LITERALS = {"March": "march", "May": "may"}  # in small letters they are other words
