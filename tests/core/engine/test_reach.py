"""What is kept in other projects makes no difference to a key that is limited to some.

Two stores hold the same memories of the key's projects; one of them holds those of others besides, made to be in the
way: alike, of the same topic, with ids that begin alike, moved from one to the other. Every verb answers alike in both.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from memory_core.changes import By, Decision, ReviewQuery, Settlement, TrashQuery, UndoRequest
from memory_core.engine import lexical
from memory_core.engine.service import MemoryService
from memory_core.errors import ForbiddenError, MemoryServiceError
from memory_core.memories import Memories
from memory_core.projects import MoveQuery, NewAlias, ProjectMerge
from memory_core.types import (
    ContextQuery,
    EmbeddingState,
    ExportQuery,
    FileFormat,
    ListQuery,
    Memory,
    MemoryPatch,
    MemoryType,
    ModelChoice,
    NewMemory,
    PurgeQuery,
    Scope,
    SearchMode,
    SearchQuery,
)
from support.services import NOON, Clock, counting_ids, opened, until
from support.toys import ToyEmbedder

LAPTOP = By(client_id="laptop")
OURS, MOVED_OUT, MOVED_IN = "aaaa0001", "aaaa0003", "aaaa0004"
THEIRS = "aaaa9001"
REACH = ("shop", "")

Call = Callable[[Memories, Path], Awaitable[object]]


def whole(beginning: str) -> str:
    return f"{beginning:0<32}"


def memory(beginning: str, content: str, project_id: str | None, **fields: object) -> Memory:
    plain = Memory(
        id=whole(beginning),
        content=content,
        memory_type=MemoryType.FACT,
        tags=("api",),
        source=None,
        project_id=project_id,
        client_id="laptop",
        session_id="morning",
        certainty_score=0.7,
        quality_score=0.7,
        created_at=NOON,
        updated_at=NOON,
    )
    return msgspec.structs.replace(plain, **fields)


WITHIN = [
    memory(OURS, "the API listens on port 8000", "shop", topic_key="port"),
    memory("aaaa0002", "the API listens on port 8000, as the wiki says", "shop"),
    memory("bbbb0001", "tea is at four", None, review_by=NOON - timedelta(days=1)),
    memory("bbbb0002", "the worker restarts at night", "shop"),
]
OUTSIDE = [
    memory(THEIRS, "the API listens on port 9000", "bank", topic_key="port"),
    memory("aaaa9002", "the API listens on port 9000, as the wiki says", "bank", review_by=NOON - timedelta(days=2)),
    memory("cccc9001", "the API of the bank is secret", "bank"),
    memory("cccc9002", "gone soon", "bank", expires_at=NOON + timedelta(minutes=5)),
    memory("cccc9003", "the worker restarts at night", "bank"),
]
MOVING = (memory(MOVED_OUT, "the port was 7000", "shop"), memory(MOVED_IN, "the port of the bank was 6000", "bank"))


class Twin:
    """A store with what is within the reach, and, where it is `crowded`, with others in the way."""

    def __init__(self, service: MemoryService, clock: Clock) -> None:
        self.service = service
        self.clock = clock
        self.view: Memories = service.within(REACH)


@pytest_asyncio.fixture
async def twins(tmp_path: Path) -> AsyncIterator[tuple[Twin, Twin]]:
    async with (
        opened(tmp_path / "quiet", ToyEmbedder, clock=(quiet := Clock()), new_id=_ids()) as alone,
        opened(tmp_path / "crowded", ToyEmbedder, clock=(loud := Clock()), new_id=_ids()) as among_others,
    ):
        await _fill(alone, crowded=False)
        await _fill(among_others, crowded=True)
        yield Twin(alone, quiet), Twin(among_others, loud)


def _ids() -> Callable[[], str]:
    return counting_ids(*(f"dddd{number:04}" for number in range(100)))


async def _fill(service: MemoryService, *, crowded: bool) -> None:
    """The same things happen within; besides, one memory comes in from the bank and one goes there."""
    await service.alias(NewAlias(alias="market", project_id="shop"))
    entries = [*WITHIN, *(OUTSIDE if crowded else [])]
    service._kept.insert([lexical.entry(each) for each in entries])
    if crowded:
        await service.alias(NewAlias(alias="vault", project_id="bank"))
        service._kept.insert([lexical.entry(each) for each in MOVING])
        await service.update(MOVED_OUT, MemoryPatch(project_id="bank"), by=By(client_id="admin"))
        await service.update(THEIRS, MemoryPatch(content="the API listens on port 9001"), by=LAPTOP)
        await service.delete("cccc9001", by=LAPTOP)
        await service.purge(
            PurgeQuery(content_contains="as the wiki says", project_id="bank", dry_run=False), by=LAPTOP
        )
    await service.update(OURS, MemoryPatch(content="the API listens on port 8080"), by=LAPTOP)
    if crowded:
        await service.update(THEIRS, MemoryPatch(tags=("late",)), by=LAPTOP)
    await until(service, EmbeddingState.READY)


def _said(answer: object) -> object:
    """An answer without what is drawn by chance: the names of batches."""
    text = msgspec.json.encode(answer).decode()
    return re.sub(r"(\w+)-[0-9a-f]{12}", r"\1-batch", text)


async def _outcome(call: Call, view: Memories, folder: Path) -> object:
    try:
        return _said(await call(view, folder))
    except MemoryServiceError as error:
        return type(error).__name__, str(error)


async def _exported(view: Memories, folder: Path, file_format: FileFormat) -> Sequence[str]:
    path = folder.with_suffix(f".{file_format.value}")
    await view.export_file(path, ExportQuery(format=file_format))
    return sorted(path.read_text(encoding="utf-8").splitlines()[1:])


def _search(mode: SearchMode, words: str = "which port does the API listen on", **fields: object) -> Call:
    query = SearchQuery(query=words, search_mode=mode, explain=True, **fields)  # type: ignore[arg-type]
    return lambda view, _: view.search(query)


CALLS: dict[str, Call] = {
    "list": lambda view, _: view.list(ListQuery()),
    "list everything": lambda view, _: view.list(ListQuery(global_search=True)),
    "list theirs": lambda view, _: view.list(ListQuery(project_id="bank")),
    "list ours by its other name": lambda view, _: view.list(ListQuery(project_id="market")),
    "list theirs by their other name": lambda view, _: view.list(ListQuery(project_id="vault")),
    "list theirs by other names": lambda view, _: view.list(ListQuery(projects=("vault", "market"))),
    "list theirs by projects": lambda view, _: view.list(ListQuery(projects=("bank",))),
    "list both by projects": lambda view, _: view.list(ListQuery(projects=("bank", "shop"))),
    "list the trash": lambda view, _: view.list(ListQuery(trashed=True, global_search=True)),
    "search by words": _search(SearchMode.KEYWORD, global_search=True),
    "search by meaning": _search(SearchMode.SEMANTIC, global_search=True),
    "search by both": _search(SearchMode.HYBRID, global_search=True),
    "search theirs": _search(SearchMode.HYBRID, project_id="bank"),
    "search a phrase of theirs": _search(SearchMode.KEYWORD, '"the bank is secret"', global_search=True),
    "search the past": _search(SearchMode.KEYWORD, global_search=True, as_of=NOON),
    "search nothing": _search(SearchMode.HYBRID, "", global_search=True),
    "context": lambda view, _: view.context(ContextQuery()),
    "context of theirs": lambda view, _: view.context(ContextQuery(project_id="bank")),
    "context for a prompt": lambda view, _: view.context(ContextQuery(query="which port?", global_search=True)),
    "stats": lambda view, _: view.stats(Scope(global_search=True)),
    "context of theirs by their other name": lambda view, _: view.context(ContextQuery(project_id="vault")),
    "projects": lambda view, _: view.projects(),
    "stats of theirs": lambda view, _: view.stats(Scope(project_id="bank")),
    "get": lambda view, _: view.get(OURS),
    "get by a beginning that theirs share": lambda view, _: view.get("aaaa000"),
    "get by a beginning of all": lambda view, _: view.get("aaaa"),
    "history": lambda view, _: view.history(OURS),
    "similar": lambda view, _: view.similar(OURS),
    "review": lambda view, _: view.review(ReviewQuery()),
    "review of theirs by their other name": lambda view, _: view.review(ReviewQuery(project_id="vault")),
    "move all that has a word": lambda view, _: view.move(
        MoveQuery(to=None, content_contains="port", global_search=True, dry_run=False), by=LAPTOP
    ),
    "move, dry": lambda view, _: view.move(MoveQuery(to="market", content_contains="tea", global_search=True)),
    "move to theirs, dry": lambda view, _: view.move(MoveQuery(to="vault", project_id="shop")),
    "add to theirs by their other name": lambda view, _: view.add(
        NewMemory(content="x", project_id="vault"), by=LAPTOP
    ),
    "update to theirs by their other name": lambda view, _: view.update(OURS, MemoryPatch(project_id="vault")),
    "review of theirs": lambda view, _: view.review(ReviewQuery(project_id="bank")),
    "add a repeat of theirs": lambda view, _: view.add(NewMemory(content="the API listens on port 9001"), by=LAPTOP),
    "add of their topic": lambda view, _: view.add(
        NewMemory(content="the port is 1", topic_key="port", project_id="shop"), by=LAPTOP
    ),
    "add what is like theirs": lambda view, _: view.add(
        NewMemory(content="the API of the bank is secret, they say", project_id="shop"), by=LAPTOP
    ),
    "take the last change back": lambda view, _: view.undo(UndoRequest(), by=LAPTOP),
    "take an unknown batch back": lambda view, _: view.undo(UndoRequest(batch_id="purge-000000000000"), by=LAPTOP),
    "purge all that has a word": lambda view, _: view.purge(
        PurgeQuery(content_contains="port", global_search=True, dry_run=False), by=LAPTOP
    ),
    "purge all, dry": lambda view, _: view.purge(PurgeQuery(older_than_days=0, global_search=True)),
    "export": lambda view, folder: _exported(view, folder, FileFormat.JSONL),
    "delete": lambda view, _: view.delete(OURS, by=LAPTOP),
    "update": lambda view, _: view.update("bbbb", MemoryPatch(tags=("x",)), by=LAPTOP),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_limited_key_is_answered_the_same_whatever_others_keep(
    twins: tuple[Twin, Twin], tmp_path: Path, name: str
) -> None:
    quiet, crowded = twins

    alone = await _outcome(CALLS[name], quiet.view, tmp_path / "1")
    among_others = await _outcome(CALLS[name], crowded.view, tmp_path / "2")

    assert among_others == alone


FOREIGN = [THEIRS, "cccc9001", "cccc9002", MOVED_OUT, MOVED_IN, whole(THEIRS)]
ON_AN_ID: dict[str, Callable[[Memories, str], Awaitable[object]]] = {
    "get": lambda view, of: view.get(of),
    "history": lambda view, of: view.history(of),
    "similar": lambda view, of: view.similar(of),
    "update": lambda view, of: view.update(of, MemoryPatch(content="mine now"), by=LAPTOP),
    "delete": lambda view, of: view.delete(of, by=LAPTOP),
    "restore": lambda view, of: view.restore(of, by=LAPTOP),
    "restore a revision": lambda view, of: view.restore(of, revision=1, by=LAPTOP),
    "undo": lambda view, of: view.undo(UndoRequest(memory_id=of), by=LAPTOP),
    "settle": lambda view, of: view.settle(Settlement(keep=OURS, other=of, decision=Decision.MERGE), by=LAPTOP),
    "settle the other way": lambda view, of: view.settle(
        Settlement(keep=of, other=OURS, decision=Decision.SUPERSEDE), by=LAPTOP
    ),
    "move": lambda view, of: view.move(MoveQuery(to="shop", memory_ids=(of,), dry_run=False), by=LAPTOP),
    "move, dry": lambda view, of: view.move(MoveQuery(to="shop", memory_ids=(of,))),
    "supersede": lambda view, of: view.add(NewMemory(content="new", project_id="shop", supersedes=of), by=LAPTOP),
}


@pytest.mark.parametrize("verb", ON_AN_ID)
async def test_an_id_of_another_project_is_as_unknown_as_one_that_nobody_has(
    twins: tuple[Twin, Twin], tmp_path: Path, verb: str
) -> None:
    quiet, crowded = twins
    before = _said(await crowded.service.list(ListQuery(global_search=True)))

    for foreign in FOREIGN:
        alone = await _outcome(lambda view, _, of=foreign: ON_AN_ID[verb](view, of), quiet.view, tmp_path)
        among_others = await _outcome(lambda view, _, of=foreign: ON_AN_ID[verb](view, of), crowded.view, tmp_path)
        assert among_others == alone == ("NotFoundError", f"no memory has the id {foreign}")

    assert _said(await crowded.service.list(ListQuery(global_search=True))) == before


async def test_a_batch_of_several_projects_is_taken_back_as_far_as_the_key_reaches(twins: tuple[Twin, Twin]) -> None:
    _, crowded = twins
    purge = PurgeQuery(content_contains="API", global_search=True, dry_run=False)
    batch_id = (await crowded.service.purge(purge, by=By(client_id="admin"))).batch_id

    report = await crowded.view.undo(UndoRequest(batch_id=batch_id), by=LAPTOP)

    assert {each.project_id for each in report.sample} == {"shop"}
    assert report.undone == 2
    assert (await crowded.service.list(ListQuery(project_id="bank", trashed=True))).count > 0


async def test_a_memory_that_came_from_another_project_shows_nothing_of_what_it_was_there(
    twins: tuple[Twin, Twin],
) -> None:
    _, crowded = twins
    await crowded.service.update(MOVED_IN, MemoryPatch(content="the port of the shop"), by=LAPTOP)
    await crowded.service.update(MOVED_IN, MemoryPatch(project_id="shop"), by=LAPTOP)

    history = await crowded.view.history(MOVED_IN)
    past = await crowded.view.search(SearchQuery(query="bank 6000", search_mode=SearchMode.KEYWORD, as_of=NOON))

    assert [one.memory.project_id for one in history.revisions] == ["shop"]
    assert whole(MOVED_IN) not in {hit.id for hit in past.results}
    for back in (
        lambda: crowded.view.restore(MOVED_IN, revision=1),
        lambda: crowded.view.undo(UndoRequest(memory_id=MOVED_IN), by=LAPTOP),
    ):
        with pytest.raises(MemoryServiceError, match="has no revision"):
            await back()
    assert (await crowded.service.get(MOVED_IN)).project_id == "shop"


async def test_a_key_reaches_its_project_under_whichever_of_its_names(twins: tuple[Twin, Twin]) -> None:
    _, crowded = twins
    named_before = crowded.service.within(("shop",))
    other_name = crowded.service.within(("market",))

    for view in (named_before, other_name):
        for name in ("shop", "market"):
            assert (await view.list(ListQuery(project_id=name))).count == len(WITHIN) - 1
        assert [each.project_id for each in (await view.projects()).projects] == ["shop"]
        kept = await view.add(NewMemory(content="as said by a laptop that was not told", project_id="market"))
        assert kept.project_id == "shop"
        await crowded.service.delete(kept.id)


async def test_a_project_that_is_renamed_stays_within_reach_of_its_keys(twins: tuple[Twin, Twin]) -> None:
    """Also of a request that began before: it sees what it may see."""
    _, crowded = twins
    view = crowded.service.within(("shop",))
    before = await view.list(ListQuery(project_id="shop"))

    crowded.clock.now += timedelta(minutes=1)
    rename = ProjectMerge(source="shop", target="acme/shop", dry_run=False)
    batch_id = (await crowded.service.merge_projects(rename)).batch_id
    after = await view.list(ListQuery(project_id="shop"))
    past = await view.list(ListQuery(project_id="shop", as_of=NOON))

    assert [each.id for each in after.memories] == [each.id for each in before.memories]
    assert past.count > 0
    assert (await view.history(OURS)).revisions[-1].memory.project_id == "shop"
    with pytest.raises(ForbiddenError, match="limited to some"):
        await view.undo(UndoRequest(batch_id=batch_id), by=LAPTOP)
    assert {each.project_id for each in after.memories} == {"acme/shop"}


async def test_a_name_that_means_another_project_opens_nothing_of_it(twins: tuple[Twin, Twin]) -> None:
    """Each way in, by a name that was theirs, is theirs still, or became theirs while the key was at it."""
    _, crowded = twins
    view = crowded.service.within(("shop",))
    theirs = {each.id for each in (await crowded.service.list(ListQuery(project_id="bank", limit=200))).memories}

    for name in ("vault", "bank"):
        for asked in (
            lambda name=name: view.list(ListQuery(project_id=name)),
            lambda name=name: view.list(ListQuery(project_id=name, as_of=NOON)),
            lambda name=name: view.search(SearchQuery(query="port", project_id=name)),
            lambda name=name: view.stats(Scope(project_id=name)),
            lambda name=name: view.add(NewMemory(content="x", project_id=name)),
            lambda name=name: view.move(MoveQuery(to=name, memory_ids=(OURS,), dry_run=False)),
        ):
            with pytest.raises(ForbiddenError, match=f"your key does not reach project {name}; it is limited to shop"):
                await asked()
        for scope in (ListQuery(projects=(name,)), ListQuery(projects=(name, "market"), as_of=NOON)):
            assert not {each.id for each in (await view.list(scope)).memories} & theirs


WRITING_OUT: dict[str, Callable[[Memories], Awaitable[object]]] = {
    "add": lambda view: view.add(NewMemory(content="for the bank", project_id="bank"), by=LAPTOP),
    "update": lambda view: view.update(OURS, MemoryPatch(project_id="bank"), by=LAPTOP),
    "move": lambda view: view.move(MoveQuery(to="bank", memory_ids=(OURS,), dry_run=False), by=LAPTOP),
    "move, dry": lambda view: view.move(MoveQuery(to="bank", memory_ids=(OURS,))),
}


@pytest.mark.parametrize("name", WRITING_OUT)
async def test_nothing_can_be_put_where_the_key_does_not_reach(twins: tuple[Twin, Twin], name: str) -> None:
    _, crowded = twins
    before = _said(await crowded.service.list(ListQuery(project_id="bank")))

    with pytest.raises(ForbiddenError, match="does not reach project bank; it is limited to shop, no project"):
        await WRITING_OUT[name](crowded.view)

    assert _said(await crowded.service.list(ListQuery(project_id="bank"))) == before
    assert (await crowded.service.get(OURS)).project_id == "shop"


async def test_a_file_with_something_of_another_project_is_refused_whole(
    twins: tuple[Twin, Twin], tmp_path: Path
) -> None:
    quiet, crowded = twins
    await crowded.service.export_file(tmp_path / "all.jsonl", ExportQuery(format=FileFormat.JSONL))
    before = _said(await quiet.service.list(ListQuery(global_search=True)))

    with pytest.raises(ForbiddenError, match="does not reach project bank"):
        await quiet.view.import_file(tmp_path / "all.jsonl", by=LAPTOP)

    assert _said(await quiet.service.list(ListQuery(global_search=True))) == before


async def test_what_a_limited_key_exports_it_can_import_elsewhere(twins: tuple[Twin, Twin], tmp_path: Path) -> None:
    _, crowded = twins
    await crowded.view.export_file(tmp_path / "ours.jsonl", ExportQuery(format=FileFormat.JSONL))

    async with opened(tmp_path / "new") as other:
        report = await other.within(REACH).import_file(tmp_path / "ours.jsonl")

        assert report.imported == len(WITHIN)


async def test_what_is_over_leaves_whoever_looks_first(twins: tuple[Twin, Twin]) -> None:
    _, crowded = twins
    crowded.clock.now += timedelta(hours=1)

    await crowded.view.list(ListQuery())

    gone = await crowded.service.list(ListQuery(project_id="bank", trashed=True))
    assert whole("cccc9002") in {each.id for each in gone.memories}


async def test_a_key_of_one_project_keeps_there_what_names_none(twins: tuple[Twin, Twin]) -> None:
    _, crowded = twins

    kept = await crowded.service.within(("shop",)).add(NewMemory(content="no project was named"), by=LAPTOP)

    assert kept.project_id == "shop"


OF_THE_WHOLE: dict[str, Callable[[Memories], Awaitable[object]]] = {
    "empty_trash": lambda view: view.empty_trash(TrashQuery(dry_run=False)),
    "backfill": lambda view: view.backfill(),
    "models": lambda view: view.models(),
    "use_model": lambda view: view.use_model(ModelChoice(embedder="none")),
    "health": lambda view: view.health(),
    "alias": lambda view: view.alias(NewAlias(alias="mine", project_id="shop")),
    "unalias": lambda view: view.unalias("market"),
    "merge_projects": lambda view: view.merge_projects(ProjectMerge(source="bank", target="shop", dry_run=False)),
}


@pytest.mark.parametrize("verb", OF_THE_WHOLE)
async def test_what_concerns_the_whole_store_is_refused(twins: tuple[Twin, Twin], verb: str) -> None:
    with pytest.raises(ForbiddenError, match="limited to some"):
        await OF_THE_WHOLE[verb](twins[1].view)


def test_no_verb_of_the_product_is_left_out_here() -> None:
    verbs = {name for name in vars(Memories) if not name.startswith("_")}
    tried = {*OF_THE_WHOLE, *ON_AN_ID, *(name.split()[0] for name in CALLS)} | {"import_file", "export_file"}

    assert verbs <= tried | {"undo", "settle", "restore"}
