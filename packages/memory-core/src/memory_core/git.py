"""What the files of a git repository say about it: where it is, its remotes, its first commit.

Reads files alone, 0.2 ms against 10 ms for a git process; only the first commit needs git itself. What it finds broken
counts as absent: nothing here raises. No pathlib, no typing: both would show in the start of the bridge.
"""

import os
from collections.abc import Iterator

_MAX_FILE_BYTES = 1 << 20
_ROOT_COMMIT_TIMEOUT_S = 5.0


class Repository:
    """A git repository. `common_dir` is shared by all its worktrees, `path` is where this one was found."""

    __slots__ = ("common_dir", "path")

    def __init__(self, path: str, common_dir: str) -> None:
        self.path = path
        self.common_dir = common_dir


def find_repository(directory: str) -> Repository | None:
    """The repository that `directory` lies in, as git itself would find it; None if it lies in none."""
    here = os.path.abspath(directory)
    while True:
        dot_git = os.path.join(here, ".git")
        if os.path.isfile(dot_git):  # a worktree or a submodule; git does not look further up when it is broken
            target = _read(dot_git).strip()
            return _repository(here, os.path.join(here, target[7:].strip())) if target.startswith("gitdir:") else None
        found = _repository(here, dot_git) or _repository(here, here)
        parent = os.path.dirname(here)
        if found is not None or parent == here:
            return found
        here = parent


def _repository(path: str, git_dir: str) -> Repository | None:
    if not os.path.isfile(os.path.join(git_dir, "HEAD")):
        return None
    common_dir = os.path.normpath(os.path.join(git_dir, _read(os.path.join(git_dir, "commondir")).strip()))
    if not os.path.isdir(os.path.join(common_dir, "objects")):
        return None
    return Repository(path, os.path.realpath(common_dir))


def remotes(repository: Repository) -> dict[str, str]:
    """Name → first URL, in the order of the configuration."""
    found: dict[str, str] = {}
    for section, key, value in _settings(_read(os.path.join(repository.common_dir, "config"))):
        if section.startswith("remote.") and key == "url" and value:
            found.setdefault(section[7:], value)
    return found


def root_commit(repository: Repository) -> str | None:
    """The first commit of the current branch; None without commits, without git, and in a shallow clone.

    The first parents alone are followed, so that a history merged in from elsewhere changes nothing.
    """
    if os.path.exists(os.path.join(repository.common_dir, "shallow")):
        return None
    import subprocess  # only a repository without a remote pays for it

    command = ["git", "--git-dir", repository.common_dir, "rev-list", "--first-parent", "--max-parents=0", "HEAD"]
    try:
        answer = subprocess.run(  # noqa: S603 - our own words, and a path
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ROOT_COMMIT_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = answer.stdout.decode("ascii", "replace").split()
    return lines[-1] if answer.returncode == 0 and lines else None


def _settings(text: str) -> Iterator[tuple[str, str, str]]:
    """(section, key, value) of a git configuration: `remote.origin`, `url`, `…`. Includes are not followed."""
    section = ""
    lines = iter(text.removeprefix("\ufeff").splitlines())
    for raw in lines:
        line = raw.strip()
        if line.startswith("["):
            section, line = _header(line)
        if not line or line[0] in "#;":
            continue
        key, _, value = line.partition("=")
        while _continues(value):
            value = value[:-1] + next(lines, "")
        yield section, key.strip().lower(), _unquoted(value.strip())


def _header(line: str) -> tuple[str, str]:
    """`[remote "origin"] rest` → `remote.origin` and what follows it on the line. Only the first part has no case."""
    quoted = escaped = False
    for at, char in enumerate(line):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "]" and not quoted:
            name, _, rest = line[1:at].strip().partition(" ")
            if rest.strip():
                return f"{name.lower()}.{_unquoted(rest.strip())}", line[at + 1 :].strip()
            return name.lower(), line[at + 1 :].strip()
    return "", ""


def _continues(value: str) -> bool:
    return (len(value) - len(value.rstrip("\\"))) % 2 == 1


def _unquoted(value: str) -> str:
    """Quotes and escapes resolved, a comment cut off."""
    result: list[str] = []
    quoted = False
    chars = iter(value)
    for char in chars:
        if char == "\\":
            escaped = next(chars, "")
            result.append({"n": "\n", "t": "\t", "b": "\b"}.get(escaped, escaped))
        elif char == '"':
            quoted = not quoted
        elif char in "#;" and not quoted:
            return "".join(result).rstrip()
        else:
            result.append(char)
    return "".join(result)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_FILE_BYTES)
    except (OSError, ValueError):
        return ""
