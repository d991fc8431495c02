"""Which project is this directory? The same answer on every machine, in every clone and every worktree.

A project is what `-p` or MEMORY_PROJECT names, or the file `.memory-project`; else it is known by its remote, whatever
way that is spelled; without one by its first commit; without commits by where it lies. Standard library only, and never
an error: a directory that belongs to no repository, and has no such file, has no project.
"""

import os
from collections.abc import Mapping

from memory_core import git, project_file, remotes, system
from memory_core.first_commits import first_commit
from memory_core.project_file import FILE, ProjectFile
from memory_core.remotes import MAX_ID_CHARS, normalised

__all__ = ["FILE", "Project", "Step", "Verdict", "examine", "identify", "normalised"]

_HOPS = 4  # so many clones of clones on this machine are followed to where the first came from


class Project:
    """A project: `id` names it everywhere, `name` is for people, `why` says where the id comes from.

    `kind` is one word for that: `named`, `file`, `remote`, `commit` or `path`.
    """

    __slots__ = ("id", "kind", "name", "why")

    def __init__(self, id: str, name: str, why: str, kind: str = "named") -> None:  # noqa: A002 - the word of the vocabulary
        self.id = id
        self.name = name
        self.why = why
        self.kind = kind

    def __repr__(self) -> str:
        return f"Project(id={self.id!r}, name={self.name!r}, why={self.why!r})"


class Step:
    """One thing that was looked at on the way to the verdict, and what was found."""

    __slots__ = ("found", "looked_at")

    def __init__(self, looked_at: str, found: str) -> None:
        self.looked_at = looked_at
        self.found = found


class Verdict:
    """`project`, or None; the `steps` to it; and `remarks`, sentences that its user may want to know.

    `upstream` is the id of the repository that this one is a fork of, as its remotes say; None without such a remote.
    `root` is the folder that the project begins at.
    """

    __slots__ = ("project", "remarks", "root", "steps", "upstream")

    def __init__(self) -> None:
        self.project: Project | None = None
        self.steps: list[Step] = []
        self.remarks: list[str] = []
        self.upstream: str | None = None
        self.root: str | None = None

    def note(self, looked_at: str, found: str) -> None:
        self.steps.append(Step(looked_at, found))


def identify(directory: str, named: str | None = None, environ: Mapping[str, str] | None = None) -> Project | None:
    """The project of `directory`; None if it has none. `named`, what MEMORY_PROJECT holds, goes first."""
    return examine(directory, named, environ).project


def examine(
    directory: str,
    named: str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    named_by: str = "MEMORY_PROJECT",
) -> Verdict:
    """The same, with what speaks for it. `environ` is asked where the user's configuration of git and ssh lies."""
    verdict = Verdict()
    name = (named or "").strip()
    if name:
        verdict.note(named_by, name)
        verdict.project = Project(name, _last(name), f"{named_by} names it")
        return verdict
    verdict.note("MEMORY_PROJECT", "not set")
    where = _real(directory)
    trusted = _owners(where)
    repository = git.find_repository(where)
    if repository is not None and not _is_of(trusted, repository.common_dir):
        verdict.remarks.append(f"{repository.path} is passed by: another user put it above {where}")
        repository = None
    file = project_file.nearest(where, None if repository is None else repository.path)
    if file is not None and repository is None and not _is_of(trusted, file.path):
        file.fault = "it belongs to another user"
    verdict.note(FILE, "none" if file is None else f"{file.path}: {file.fault or file.name or 'this folder itself'}")
    if file is not None and file.fault:
        verdict.remarks.append(f"{file.path} is ignored: {file.fault}")
        file = None
    if repository is None:
        verdict.note("git", "no repository")
        verdict.project = _outside(file, verdict)
    else:
        verdict.note("git", _lies(repository))
        verdict.project = _inside(repository, file, verdict, environ or {})
    return verdict


def _outside(file: ProjectFile | None, verdict: Verdict) -> Project | None:
    if file is None:
        return None
    verdict.root = file.folder
    if file.name:
        return _named_by(file, verdict, ())
    why = f"where {file.folder} lies: {file.path} makes it a project of its own"
    return _by_place(_printable(os.path.basename(file.folder)) or "folder", file.folder, why)


def _inside(
    repository: git.Repository, file: ProjectFile | None, verdict: Verdict, environ: Mapping[str, str]
) -> Project:
    verdict.root = repository.path
    known = _Remotes(repository, environ, verdict)
    if file is not None and file.name and (named := _named_by(file, verdict, known.ids)) is not None:
        verdict.root = file.folder
        return named
    is_part = file is not None and file.folder != repository.path
    top = project_file.read(repository.path) if file is None or is_part else None
    whole = _named_by(top, verdict, known.ids) if top is not None and top.name else None
    whole = whole or known.project or _without_remote(repository, known.source, verdict, environ)
    return _below(whole, repository, file, verdict) if file is not None and is_part and not file.name else whole


def _below(whole: Project, repository: git.Repository, file: ProjectFile, verdict: Verdict) -> Project:
    """The folder of `file` as a project of its own, below that of its repository."""
    path = os.path.relpath(file.folder, repository.path).replace(os.sep, "/")
    identity = f"{whole.id}//{path}"
    if len(identity) > MAX_ID_CHARS or not identity.isprintable():
        verdict.remarks.append(f"{file.path} is ignored: {path!r} is too long, or no text, for the name of a project")
        return whole
    verdict.root = file.folder
    return Project(identity, _last(path), f"{file.path} makes its folder a project below {whole.id}", "file")


def _named_by(file: ProjectFile, verdict: Verdict, own: "tuple[str, ...]") -> Project | None:
    """What the file names: a word of its own, or what one of the repository's remotes gives, or lies below that."""
    if project_file.is_of_git(file.name) and file.name.partition("//")[0] not in own:
        verdict.remarks.append(
            f"{file.path} is ignored: {file.name} is a name that git gives, and not to this folder; name it with -p or "
            f"MEMORY_PROJECT, or let {file.path} hold a word without a slash and make that an alias: "
            f"claude-memory project alias WORD {file.name}"
        )
        return None
    return Project(file.name, _last(file.name), f"{file.path} names it", "file")


class _Remotes:
    """The remotes of a repository as projects. What they say goes into the verdict."""

    def __init__(self, repository: git.Repository, environ: Mapping[str, str], verdict: Verdict) -> None:
        self.source = repository
        self.project: Project | None = None
        self._environ = environ
        found: dict[str, str] = {}
        for remote, identity, name in self._identities(repository, verdict):
            found[remote] = identity
            self.project = self.project or Project(identity, name, f'remote "{remote}" of {repository.path}', "remote")
        self.ids = tuple(found.values())
        if self.project is not None and found.get("upstream", self.project.id) != self.project.id:
            verdict.upstream = found["upstream"]
        if self.project is None:
            self._follow(repository, verdict)

    def _identities(self, repository: git.Repository, verdict: Verdict) -> "list[tuple[str, str, str]]":
        user = remotes.User(self._environ, repository.git_dir)
        found = []
        for remote in git.remotes(repository):
            url = remote.url or remote.pushes_to
            known = remotes.identity(url, user) or (remotes.identity(remote.pushes_to, user) if remote.url else None)
            if known is not None:
                found.append((remote.name, *known))
            said = known[0] if known is not None else "no server"
            verdict.note(f'remote "{remote.name}"', f"{remotes.without_credentials(url)}: {said}")
        return found

    def _follow(self, repository: git.Repository, verdict: Verdict) -> None:
        """To the repository on this machine that this one was cloned from, and on to its own remote."""
        seen = {repository.common_dir}
        while len(seen) <= _HOPS:
            paths = (remotes.local_path(remote.url, self.source.path) for remote in git.remotes(self.source))
            origin = next((found for path in paths if path and (found := git.repository_at(path))), None)
            if origin is None or origin.common_dir in seen:
                return
            seen.add(origin.common_dir)
            self.source = origin
            verdict.note("cloned from", _lies(origin))
            for remote, identity, name in self._identities(origin, verdict):
                why = f'remote "{remote}" of {origin.path}, which {repository.path} was cloned from'
                self.project, self.ids = Project(identity, name, why, "remote"), (identity,)
                return


def _without_remote(
    repository: git.Repository, source: git.Repository, verdict: Verdict, environ: Mapping[str, str]
) -> Project:
    """`source` is what it was cloned from on this machine, or itself."""
    directory = source.common_dir
    if os.path.basename(directory) == ".git":
        directory = os.path.dirname(directory)
    name = _printable(os.path.basename(directory).removesuffix(".git")) or "repository"
    if not os.access(git.config_of(repository), os.R_OK):
        verdict.remarks.append(f"{git.config_of(repository)} cannot be read, so no remote of it is known")
    of = source.path if source is repository else f"{source.path}, where {repository.path} was cloned from"
    if (commit := first_commit(source, environ)) is not None:
        verdict.note("first commit", commit)
        return Project(f"{name}@{commit[:12]}", name, f"first commit of {of}, which has no remote", "commit")
    verdict.note("first commit", "none that git could tell")
    why = f"where {of} lies: it has no remote, and no first commit that git could tell"
    return _by_place(name, source.common_dir, why)


def _by_place(name: str, place: str, why: str) -> Project:
    import hashlib  # rare enough to be paid only here

    where = hashlib.sha256(os.fsencode(place)).hexdigest()
    return Project(f"{name}@{where[:12]}", name, why, "path")


def _lies(repository: git.Repository) -> str:
    if not repository.is_linked_worktree:
        return repository.path
    return f"{repository.path}, a worktree of {repository.common_dir.removesuffix(os.sep + '.git')}"


def _owners(directory: str) -> frozenset[int] | None:
    """Who may say what the project of `directory` is: its owner, its user, root. None where files have no owners.

    Else whoever may write to a folder above it, such as /tmp, could have its user told what another project remembers.
    """
    if (user := system.user_id()) is None:
        return None
    try:
        return frozenset({user, 0, os.stat(directory).st_uid})
    except OSError:
        return frozenset({user, 0})


def _is_of(owners: frozenset[int] | None, path: str) -> bool:
    try:
        return owners is None or os.lstat(path).st_uid in owners
    except OSError:
        return False


def _real(directory: str) -> str:
    """Where it is without links, as git sees it; also of one that is gone."""
    try:
        return system.true_path(directory)
    except (OSError, ValueError):
        return os.sep


def _last(name: str) -> str:
    return name.rpartition("/")[2] or name


def _printable(name: str) -> str:
    return "".join(char if char.isprintable() and not "\ud800" <= char <= "\udfff" else "_" for char in name)[:200]
