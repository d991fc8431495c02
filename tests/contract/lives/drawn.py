"""What Hypothesis may choose: few values, so that memories come to have the same ones."""

from datetime import datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from memory_core.types import MemoryType, TagsMatch

START = datetime.fromisoformat("2026-03-01T09:30:00.123456+00:00")
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


class Call(NamedTuple):
    """What belongs to every change: how long after the last one it comes, whose it is, why, and whether with a key."""

    pause: timedelta
    client: str
    reason: str | None
    keyed: bool


CALLS = st.builds(
    Call,
    pause=st.sampled_from([SECOND] * 8 + [HOUR] * 2 + [DAY, 12 * DAY, -60 * SECOND]),
    client=st.sampled_from(["laptop", "desk"]),
    reason=st.sampled_from([None, "asked to"]),
    keyed=st.booleans(),
)
KINDS = st.sampled_from([MemoryType.OBSERVATION, MemoryType.FACT, MemoryType.DECISION])
PROJECTS = st.sampled_from(["p", "q", None])
TAGS = st.lists(st.sampled_from(["red", "blue", "green"]), max_size=2).map(tuple)
TOPICS = st.sampled_from([None, None, "ports", "owner"])
LATER = st.sampled_from([None, None, HOUR, 2 * DAY, 20 * DAY])
TEXTS = st.sampled_from(["the port is 8000", "the port is 9000", "we deploy on Fridays", ""])
NUMBERS = st.integers(0, 1_000)
ADDED = st.fixed_dictionaries(
    {
        "text": TEXTS,
        "memory_type": KINDS,
        "project_id": PROJECTS,
        "tags": TAGS,
        "end": st.sampled_from([None] * 6 + [HOUR, 2 * DAY, 20 * DAY, -HOUR]),
        "review": st.sampled_from([None, None, None, DAY]),
        "topic_key": TOPICS,
        "certainty_score": st.sampled_from([0.2, 0.7]),
    }
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXTS,
        "memory_type": KINDS,
        "tags": TAGS,
        "project_id": PROJECTS,
        "topic_key": TOPICS,
        "certainty_score": st.just(0.9),
        "end": LATER,
        "review": LATER,
    },
)
SCOPES = st.fixed_dictionaries(
    {},
    optional={
        "project_id": PROJECTS,
        "include_global": st.booleans(),
        "memory_type": KINDS,
        "tags": TAGS,
        "tags_match": st.sampled_from(TagsMatch),
        "client_id": st.sampled_from(["laptop", "desk"]),
        "min_certainty": st.just(0.5),
        "include_superseded": st.booleans(),
    },
)
