"""Which project is this directory? The same answer on every machine, in every clone and every worktree.

A project is known by its remote, whatever way that is spelled; without one by its first commit; without commits by
where it lies. Standard library only, and never an error: a directory that belongs to no repository has no project.
"""

import os

from memory_core import git

_DEFAULT_PORTS = {
    "ssh": 22,
    "git+ssh": 22,
    "ssh+git": 22,
    "http": 80,
    "https": 443,
    "git": 9418,
    "ftp": 21,
    "ftps": 990,
}
# Hosts that take a path in any case, and the names under which they answer ssh where port 22 is closed.
_CASELESS_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"})
_SSH_OVER_HTTPS = {
    "ssh.github.com:443": "github.com",
    "altssh.gitlab.com:443": "gitlab.com",
    "altssh.bitbucket.org:443": "bitbucket.org",
}
_MAX_ID_CHARS = 256


class Project:
    """A project: `id` names it everywhere, `name` is for people, `why` says where the id comes from."""

    __slots__ = ("id", "name", "why")

    def __init__(self, id: str, name: str, why: str) -> None:  # noqa: A002 - the word of the vocabulary
        self.id = id
        self.name = name
        self.why = why

    def __repr__(self) -> str:
        return f"Project(id={self.id!r}, name={self.name!r}, why={self.why!r})"


def identify(directory: str, environ_project: str | None = None) -> Project | None:
    """The project of `directory`; None outside of git. `environ_project`, what MEMORY_PROJECT holds, goes first."""
    named = (environ_project or "").strip()
    if named:
        return Project(named, named.rpartition("/")[2] or named, "MEMORY_PROJECT names it")
    repository = git.find_repository(directory)
    if repository is None:
        return None
    found = git.remotes(repository)
    for remote in sorted(found, key=lambda name: name != "origin"):
        if (known := normalised(found[remote])) is not None:
            host, path = known
            identity = f"{host}/{path.lower() if host in _CASELESS_HOSTS else path}"
            return Project(identity, path.rpartition("/")[2], f'remote "{remote}" of {repository.path}')
    return _without_remote(repository)


def normalised(url: str) -> tuple[str, str] | None:
    """Host and path of a remote, the same for each of its spellings; None if it is a file, or nothing to go by.

    No credentials, no `.git`, no default port; the host in lower case.
    """
    url = url.strip()
    scheme, separator, rest = url.partition("://")
    if separator:
        scheme = scheme.lower()
        if scheme not in _DEFAULT_PORTS:
            return None
        authority, _, path = rest.partition("/")
        path = path.partition("?")[0].partition("#")[0]
        if "%" in path:
            from urllib.parse import unquote  # 5 ms, for the few remotes that need it

            path = unquote(path)
    else:
        scheme = "ssh"
        authority, path = _scp(url)
    host = authority.rpartition("@")[2].lower().removesuffix(f":{_DEFAULT_PORTS[scheme]}")
    name, colon, port = host.rpartition(":")
    if colon and not port and not name.endswith(":"):  # `host:` is a host
        host = name
    host = _SSH_OVER_HTTPS.get(host, host).rstrip(".")
    path = "/".join(part for part in path.split("/") if part).removesuffix(".git").rstrip("/")
    known = f"{host}/{path}"
    if not host or not path or len(known) > _MAX_ID_CHARS or not known.isprintable():
        return None
    return host, path


def _scp(url: str) -> tuple[str, str]:
    """`user@host:path`, `user@[host:port]:path`; two empty texts for a path, also one of Windows."""
    user, at, rest = url.rpartition("@") if "@" in url.partition("/")[0] else ("", "", url)
    if rest.startswith("["):
        host, bracket, path = rest[1:].partition("]:")
        is_address = host.count(":") > 1
        return (f"{user}{at}[{host}]" if is_address else f"{user}{at}{host}", path) if bracket else ("", "")
    host, colon, path = rest.partition(":")
    is_drive = len(host) < 2 and not at
    is_path = not colon or "/" in host or "\\" in url or is_drive or path.startswith(":")
    return ("", "") if is_path else (f"{user}{at}{host}", path)


def _without_remote(repository: git.Repository) -> Project:
    directory = repository.common_dir
    if os.path.basename(directory) == ".git":
        directory = os.path.dirname(directory)
    name = _printable(os.path.basename(directory).removesuffix(".git")) or "repository"
    if (commit := git.root_commit(repository)) is not None:
        return Project(f"{name}@{commit[:12]}", name, f"first commit of {repository.path}, which has no remote")
    import hashlib  # rare enough to be paid only here

    where = hashlib.sha256(os.fsencode(repository.common_dir)).hexdigest()
    why = f"where {repository.path} lies: it has no remote, and no first commit that git could tell"
    return Project(f"{name}@{where[:12]}", name, why)


def _printable(name: str) -> str:
    return "".join(char if char.isprintable() and not "\ud800" <= char <= "\udfff" else "_" for char in name)[:200]
