"""What is said of projects: the verdict about a directory, a list of them, what a move came to. Pure."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

from msgspec import Struct

from memory_cli.render import columns, one_line, table, when
from memory_core.counting import agreeing, counted, memories
from memory_core.key_words import reach
from memory_core.keys import OwnKey
from memory_core.project import Verdict
from memory_core.projects import MoveReport, ProjectInfo, ProjectList

NONE_HERE = "not in a git repository; name a project with -p, or set MEMORY_PROJECT"


class ProjectReport(Struct, frozen=True, kw_only=True):
    """`kind` is what the id was taken from, in one word: `named`, `file`, `remote`, `commit` or `path`."""

    project_id: str | None
    name: str | None
    why: str
    kind: str | None = None
    root: str | None = None
    upstream: str | None = None
    remarks: tuple[str, ...] = ()


class Looked(Struct, frozen=True, kw_only=True):
    looked_at: str
    found: str


class Formerly(Struct, frozen=True, kw_only=True):
    """What a directory was until then, where that is another project still, and has memories."""

    project_id: str
    until: datetime
    memories: int


class OnServer(Struct, frozen=True, kw_only=True):
    """What a server makes of the project. `means` is the project that its name stands for there: an alias, or itself.

    `same_commit` are other projects with the same first commit: this one under another folder's name, perhaps.
    """

    url: str
    means: str
    memories: int
    aliases: tuple[str, ...]
    reachable: bool
    key: OwnKey | None = None
    known_since: datetime | None = None
    formerly: Formerly | None = None
    same_commit: tuple[str, ...] = ()


class ProjectExplanation(ProjectReport, frozen=True, kw_only=True):
    """`notice` says why nothing is known of a server."""

    steps: tuple[Looked, ...] = ()
    server: OnServer | None = None
    notice: str | None = None


def report_of(verdict: Verdict) -> ProjectReport:
    known = verdict.project
    return ProjectReport(
        project_id=None if known is None else known.id,
        name=None if known is None else known.name,
        why=NONE_HERE if known is None else known.why,
        kind=None if known is None else known.kind,
        root=None if known is None else verdict.root,
        upstream=verdict.upstream,
        remarks=tuple(verdict.remarks),
    )


def remarks_of(report: ProjectReport) -> list[str]:
    """Sentences that its user may want to know, with the command to each."""
    said = list(report.remarks)
    if report.upstream is not None and report.project_id is not None:
        said.append(
            f"it is a fork of {report.upstream}, which is a project of its own; to make one of both: "
            f"claude-memory project merge {report.project_id} {report.upstream}"
        )
    if report.kind == "path":
        said.append(
            "it is known by its place alone: moved elsewhere it is another project, and so it is with its first commit "
            "or a remote"
        )
    return said


def explained(found: ProjectExplanation, zone: tzinfo | None = None) -> str:
    head = f"No project: {found.why}" if found.project_id is None else one_line(found.project_id)
    parts = [head]
    if found.project_id is not None:
        parts.append(table({"name": found.name or "", "because": found.why, "begins at": found.root or ""}))
    parts.append("Looked at\n" + _indented(table({step.looked_at: step.found for step in found.steps})))
    if found.server is not None:
        parts.append(f"On {found.server.url}\n" + _indented(table(_rows(found.server, found.project_id or "", zone))))
    said = [*remarks_of(found), *([] if found.server is None else _news(found.server, found.project_id, zone))]
    if found.notice is not None:
        said.append(found.notice)
    parts += [one_line(sentence[:1].upper() + sentence[1:]) for sentence in said]
    return "\n\n".join(parts)


def _rows(server: OnServer, project_id: str, zone: tzinfo | None) -> dict[str, str]:
    key = server.key
    may = "" if key is None or key.name is None else f"{key.name}: {reach(key)}"
    return {
        "memories": f"{server.memories:,}" if project_id and server.reachable else "",
        "alias of": server.means if server.means != project_id else "",
        "other names": ", ".join(name for name in server.aliases if name != project_id),
        "key": f"{may}; it does not reach this project" if may and not server.reachable else may,
        "this folder": "" if server.known_since is None else f"known since {when(server.known_since, zone)}",
    }


def _news(server: OnServer, project_id: str | None, zone: tzinfo | None) -> list[str]:
    said, before = [], server.formerly
    if before is not None:
        said.append(
            f"this directory was project {before.project_id} until {when(before.until, zone)[:10]}, which has "
            f"{memories(before.memories)}; to make one of both: "
            f"claude-memory project merge {before.project_id} {project_id}"
        )
    said += [
        f"{other} has the same first commit; if it is this one under another name: "
        f"claude-memory project merge {other} {project_id}"
        for other in server.same_commit
    ]
    return said


def listed(found: ProjectList, here: str | None, zone: tzinfo | None = None) -> str:
    """A line a project: name, id, memories, when one changed last, other names."""
    return columns([_line(project, here, zone) for project in found.projects]) if found.projects else "No projects yet"


def _line(project: ProjectInfo, here: str | None, zone: tzinfo | None) -> Sequence[str]:
    known = "" if project.updated_at is None else when(project.updated_at, zone)
    also = f"also {', '.join(project.aliases)}" if project.aliases else ""
    is_here = here is not None and here in (project.project_id, *project.aliases)
    count = f"{project.memories:,}"
    return ("*" if is_here else " ", project.name, project.project_id, count, known, also)


def would_move(report: MoveReport, what: str, to: str) -> str:
    """What a dry run found, as the beginning of a sentence."""
    trash = f", {report.in_trash:,} of them in the trash" if report.in_trash else ""
    which = f"{memories(report.matched)} {what}".rstrip()
    return f"{which} would become {agreeing(report.matched, 'one', 'memories')} of {to}{trash}"


def moved(report: MoveReport, to: str) -> str:
    """What was done, and how it is taken back."""
    alias = f", and {report.alias} means it from now on" if report.alias else ""
    undo = f"; `claude-memory undo {report.batch_id}` takes that back" if report.batch_id else ""
    return f"{memories(report.moved)} {agreeing(report.moved, 'is', 'are')} now of {to}{alias}{undo}"


def clashes(report: MoveReport) -> str:
    if not report.clashes:
        return ""
    topics = counted(report.clashes, "topic has", "topics have")
    return f"{topics} a memory in both projects; what comes with it later updates the older one"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
