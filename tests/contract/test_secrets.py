"""What looks like a secret is not kept, whoever asks for it and however; everything around it is."""

from pathlib import Path

import pytest

from memory_core.changes import By, Decision, Outcome, Settlement
from memory_core.errors import InvalidError
from memory_core.formats.jsonl import line_of
from memory_core.memories import Memories
from memory_core.types import (
    ExportQuery,
    FileFormat,
    ListQuery,
    MemoryPatch,
    NewMemory,
    SearchMode,
    SearchQuery,
    SecretPolicy,
)
from support.kept import kept as a_memory
from support.leaks import leak
from support.services import opened

needs = pytest.mark.needs
KEY = leak("AK|IA<16 upper>")
TOKEN = leak("gh|p_<36>")


async def found(memories: Memories, words: str) -> list[str]:
    result = await memories.search(SearchQuery(query=words, search_mode=SearchMode.KEYWORD))
    return [hit.content for hit in result.results]


async def test_a_memory_is_kept_without_the_secret_and_who_keeps_it_is_told(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content=f"The bucket wants {KEY.text}, and the deploy {TOKEN.text}"))

    assert kept.redacted == ("aws-key", "github-token")
    assert await found(memories, "bucket") == [
        "The bucket wants [redacted:aws-key], and the deploy [redacted:github-token]"
    ]
    assert await found(memories, KEY.text) == []


async def test_a_memory_without_a_secret_is_kept_as_it_is_and_nothing_is_said(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="The key is in the vault, under shop/db"))

    assert kept.redacted == ()


@needs("get")
async def test_tags_source_session_and_client_are_kept_without_it_too(memories: Memories) -> None:
    new = NewMemory(
        content="plain",
        tags=("ops", f"key {KEY.text}"),
        source=f"https://ana:{TOKEN.text}@git.example/shop",
        session_id=f"s {KEY.text}",
        client_id=TOKEN.text,
    )

    kept = await memories.get((await memories.add(new)).id)

    assert kept.tags == ("ops", "key [redacted:aws-key]")
    assert kept.source == "https://ana:[redacted:github-token]@git.example/shop"
    assert (kept.session_id, kept.client_id) == ("s [redacted:aws-key]", "[redacted:github-token]")


async def test_a_change_brings_no_secret_in(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="The bucket wants a key"))

    changed = await memories.update(kept.id, MemoryPatch(content=f"The bucket wants {KEY.text}", tags=(TOKEN.text,)))

    assert changed.redacted == ("aws-key", "github-token")
    assert await found(memories, "bucket") == ["The bucket wants [redacted:aws-key]"]


@needs("settle")
async def test_a_merge_brings_no_secret_in(memories: Memories) -> None:
    one = await memories.add(NewMemory(content="The bucket is shop-1"))
    other = await memories.add(NewMemory(content="The bucket wants a key"))

    settled = await memories.settle(
        Settlement(keep=one.id, other=other.id, decision=Decision.MERGE, content=f"shop-1 wants {KEY.text}")
    )

    assert settled.memory.content == "shop-1 wants [redacted:aws-key]"
    assert settled.redacted == ("aws-key",)


@needs("history")
async def test_a_reason_is_kept_without_it(memories: Memories) -> None:
    said = By(client_id="laptop", reason=f"rotated {KEY.text}")
    kept = await memories.add(NewMemory(content="one"), by=said)
    await memories.update(kept.id, MemoryPatch(content="two"), by=said)
    await memories.delete(kept.id, by=said)

    reasons = [revision.reason for revision in (await memories.history(kept.id)).revisions]

    assert reasons == ["rotated [redacted:aws-key]"] * 3


@needs("get")
@pytest.mark.parametrize("field", ["topic_key", "project_id"])
async def test_a_name_that_holds_one_is_refused_because_two_secrets_would_become_one_name(
    memories: Memories, field: str
) -> None:
    with pytest.raises(InvalidError, match=rf"{field} holds what looks like a secret \(aws-key") as refused:
        await memories.add(NewMemory(content="x", **{field: f"of {KEY.text}"}))

    assert KEY.remains(str(refused.value)) == []


async def test_the_same_again_is_a_repeat_whatever_the_secret_was(memories: Memories) -> None:
    await memories.add(NewMemory(content=f"The bucket wants {KEY.text}"))

    again = await memories.add(NewMemory(content=f"The bucket wants {leak('AK|IA<16 upper>').text}"))

    assert (again.outcome, again.redacted) == (Outcome.UNCHANGED, ("aws-key",))


@needs("list")
async def test_a_request_that_comes_again_gets_the_same_answer(memories: Memories) -> None:
    new, by = NewMemory(content=f"The bucket wants {KEY.text}"), By(request="once")

    answers = [await memories.add(new, by=by) for _ in range(2)]

    assert answers[0] == answers[1]
    assert answers[0].redacted == ("aws-key",)
    assert (await memories.list(ListQuery())).count == 1


@needs("import_file", "list", "history")
async def test_an_import_leaves_it_out_of_memories_and_of_what_they_were(memories: Memories, tmp_path: Path) -> None:
    file = tmp_path / "memories.jsonl"
    plain = a_memory("nothing to hide", id="1" * 32)
    file.write_bytes(line_of(a_memory(f"uses {KEY.text}", tags=(f"{TOKEN.text}",))) + line_of(plain))

    report = await memories.import_file(file)
    again = await memories.import_file(file)

    contents = {memory.content: memory.tags for memory in (await memories.list(ListQuery(global_search=True))).memories}
    assert contents == {"uses [redacted:aws-key]": ("[redacted:github-token]",), "nothing to hide": plain.tags}
    assert (report.imported, report.redacted) == (2, 1)
    assert (again.imported, again.unchanged, again.redacted, again.conflicts) == (0, 2, 0, ())


@needs("import_file", "history")
@pytest.mark.parametrize("file_format", FileFormat)
async def test_past_states_and_reasons_of_an_import_lose_theirs(
    memories: Memories, tmp_path: Path, file_format: FileFormat
) -> None:
    """As in an export of a server that did not look for secrets."""
    file = tmp_path / "file"
    async with opened(tmp_path / "careless", secrets=SecretPolicy.OFF) as careless:
        kept = await careless.add(NewMemory(content=f"first {KEY.text}"), by=By(reason=f"found {TOKEN.text}"))
        await careless.update(kept.id, MemoryPatch(content="then without"))
        await careless.export_file(file, ExportQuery(format=file_format))

    report = await memories.import_file(file)

    history = (await memories.history(kept.id)).revisions
    assert [one.memory.content for one in history] == ["then without", "first [redacted:aws-key]"]
    assert history[1].reason == "found [redacted:github-token]"
    assert report.redacted == 1


@needs("import_file", "export_file", "list")
async def test_what_markers_made_too_long_still_comes_in_again(memories: Memories, tmp_path: Path) -> None:
    file, again = tmp_path / "memories.jsonl", tmp_path / "again.jsonl"
    full = leak("pwd=|<6> " * 6_500).text[:65_536]
    file.write_bytes(line_of(a_memory(full)))
    assert (await memories.import_file(file)).redacted == 1

    await memories.export_file(again, ExportQuery(format=FileFormat.JSONL))

    (kept,) = (await memories.list(ListQuery(global_search=True))).memories
    assert len(kept.content.encode()) == 65_536
    assert (await memories.import_file(again)).unchanged == 1


@needs("get")
async def test_a_long_tag_that_a_marker_makes_too_long_becomes_the_marker(memories: Memories) -> None:
    made = leak("pwd='|<6>'")
    kept = await memories.add(NewMemory(content="x", tags=("t" * 100 + " " + made.text + "t" * 15,)))

    assert (await memories.get(kept.id)).tags == ("[redacted:password]",)
