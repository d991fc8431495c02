"""Reading sets: what a memory of a set becomes, and that our own set is what it says it is."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.retrieval import datasets
from benchmarks.retrieval.datasets import Group, Item, Question, QuestionSet

OWN = datasets.read(datasets.OWN, datasets.OWN_NAME)


def test_a_memory_carries_what_the_set_knows_of_it() -> None:
    item = Item(id="D1:3", text="It was powerful.", session="S1", date="1:56 pm on 8 May, 2023", speaker="Caroline")

    (memory,) = datasets.as_memories("turns", Group("conv-26", (item,), ()))

    assert (memory.content, memory.client_id, memory.session_id) == ("It was powerful.", "Caroline", "S1")
    assert memory.project_id == "turns/conv-26"
    assert memory.created_at == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


def test_turns_of_a_session_keep_their_order_in_time() -> None:
    turns = tuple(Item(id=f"D1:{n}", text="…", session="S1", date="1:56 pm on 8 May, 2023") for n in range(70))

    moments = [memory.created_at for memory in datasets.as_memories("turns", Group("g", turns, ()))]

    assert moments == sorted(set(moments))
    assert (moments[-1] - moments[0]).seconds == 69


def test_tags_are_read_as_a_list_and_as_the_text_of_one() -> None:
    items = (
        Item(id="1", text="…", tags="['Ana', 'Ben']"),
        Item(id="2", text="…", tags=["Ana"]),
        Item(id="3", text="…"),
    )

    tags = [memory.tags for memory in datasets.as_memories("set", Group("g", items, ()))]

    assert tags == [("Ana", "Ben"), ("Ana",), ()]


def test_fewer_questions_are_spread_over_all_groups_and_keep_all_memories(tmp_path: Path) -> None:
    questions = tuple(Question(id=str(n), text="?", category="c", gold=("1",)) for n in range(50))
    item = Item(id="1", text="…")
    whole = QuestionSet("set", (Group("a", (item,), questions), Group("b", (item,), questions)))
    path = tmp_path / "set.dev.json"
    path.write_bytes(msgspec.json.encode(whole))

    some = datasets.fewer(datasets.read(path, "set"), 10)

    assert [len(group.queries) for group in some.groups] == [5, 5]
    assert some.memories == 2
    assert datasets.fewer(whole, 1_000) == whole


def test_our_own_set_names_each_thing_once_and_answers_with_memories_it_has() -> None:
    (group,) = OWN.groups
    ids = Counter(item.id for item in group.memories) + Counter(query.id for query in group.queries)

    assert set(ids.values()) == {1}
    assert {item.id for item in group.memories}.issuperset(each for query in group.queries for each in query.gold)
    assert {query.category for query in group.queries if not query.gold} == {"nothing"}


def test_questions_by_paraphrase_share_no_telling_word_with_their_answer() -> None:
    """Else they would test keyword search: of the words of five letters and more, none may stand in the memory."""
    (group,) = OWN.groups
    texts = {item.id: item.text.casefold() for item in group.memories}
    shared = [
        (query.id, word)
        for query in group.queries
        if query.category == "paraphrase"
        for word in query.text.casefold().split()
        if len(word) > 4 and any(word in texts[each] for each in query.gold)
    ]

    assert not shared
