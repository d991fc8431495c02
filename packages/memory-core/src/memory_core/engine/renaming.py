"""What names of projects mean, changed: within the transaction of the caller, as one batch that can be taken back."""

from msgspec import structs

from memory_core.engine.names import Meanings, changed, listed
from memory_core.engine.ports import Act, Transaction
from memory_core.engine.selections import Selection
from memory_core.errors import ConflictError, NotFoundError
from memory_core.projects import MoveReport, NewAlias, ProjectInfo, ProjectMerge
from memory_core.types import Scope

SAMPLE = 20


def alias(tx: Transaction, new: NewAlias, done: Act) -> ProjectInfo:
    known = tx.aliases()
    project = known.get(new.project_id, new.project_id)
    if known.get(new.alias) != project:
        _refuse_taken(tx, known, new.alias, project)
        tx.name(changed(known, {**known, new.alias: project}), done)
    return _info(tx, project)


def _refuse_taken(tx: Transaction, known: Meanings, name: str, project: str) -> None:
    if name in known:
        raise ConflictError(f"{name} means {known[name]}; take that alias away first")
    if name == project:
        raise ConflictError(f"{name} would mean itself: what you name is an alias of it already")
    if any(each.project_id == name for each in tx.projects()):
        raise ConflictError(f"{name} has memories of its own; merge it with {project}, which makes it an alias too")


def unalias(tx: Transaction, name: str, done: Act) -> ProjectInfo:
    known = tx.aliases()
    if name not in known:
        raise NotFoundError(f"{name} is no alias of a project; the list of projects shows those")
    tx.name({name: None}, done)
    return _info(tx, known[name])


def _info(tx: Transaction, project: str) -> ProjectInfo:
    found = {each.project_id: each for each in listed(tx.projects(), tx.aliases()).projects}
    bare = ProjectInfo(project_id=project, name=project.rpartition("/")[2] or project, memories=0)
    return found.get(project, bare)


def merging(known: Meanings, asked: ProjectMerge) -> Selection:
    """What a merge moves. Raises ConflictError where the names do not allow it."""
    target = known.get(asked.target, asked.target)
    if asked.source in known:
        raise ConflictError(f"{asked.source} means {known[asked.source]} already; name that one to move all of it")
    if target == asked.source:  # the project takes a name that was its other one
        target = asked.target
    return Selection(to=target, scope=Scope(project_id=asked.source), whole=True)


def merge(tx: Transaction, asked: ProjectMerge, done: Act) -> MoveReport:
    known = tx.aliases()
    selection = merging(known, asked)
    report = move(tx, selection, done)
    others = {alias: project for alias, project in known.items() if alias != selection.to}
    tx.name(changed(known, others | {asked.source: str(selection.to)}), done)
    return structs.replace(report, batch_id=done.batch_id, alias=asked.source)


def move(tx: Transaction, selection: Selection, done: Act) -> MoveReport:
    found = tx.movable(selection, sample=SAMPLE)
    if found.matched:
        tx.move(selection, done)
    moved = {memory.id: memory for memory in tx.among([memory.id for memory in found.sample])}
    return MoveReport(
        dry_run=False,
        matched=found.matched,
        moved=found.matched,
        sample=tuple(moved[memory.id] for memory in found.sample),
        in_trash=found.in_trash,
        clashes=found.clashes,
        batch_id=done.batch_id if found.matched else None,
    )


def taken_back(tx: Transaction, batch_id: str) -> dict[str, str | None]:
    """What the batch named, as it was meant before; without what has another meaning since."""
    named = tx.named_by(batch_id)
    if not named:
        return {}
    known = tx.aliases()
    wanted = {each.alias: each.before for each in named if known.get(each.alias) == each.after}
    after = {alias: project for alias, project in {**known, **wanted}.items() if project is not None}
    return changed(known, after)


def refuse_mixed(tx: Transaction) -> None:
    """A name is an alias or has memories: those would be found by nobody."""
    known = tx.aliases()
    for each in tx.projects():
        if each.project_id in known:
            raise ConflictError(
                f"{each.project_id} has memories of its own by now, so it cannot mean {known[each.project_id]} again; "
                "merge the two"
            )
