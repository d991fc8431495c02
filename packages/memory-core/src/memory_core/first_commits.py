"""The first commit of a repository without a remote, also while git does not answer: then as it said it last.

A machine under load must not make another project of a directory. Standard library only, and never an error.
"""

import os
from collections.abc import Mapping

from memory_core import gitconfig, system
from memory_core.git import Repository, root_commit


def first_commit(repository: Repository, environ: Mapping[str, str]) -> str | None:
    """None where there is none, or nobody knows it. `environ` says where a user keeps what may be lost."""
    found, note = root_commit(repository), _note(repository, environ)
    if found is None:
        return gitconfig.text_of(note) or None if note else None
    if found and note and gitconfig.text_of(note) != found:
        _write(note, found)
    return found or None


def _note(repository: Repository, environ: Mapping[str, str]) -> str | None:
    if not environ:
        return None
    import hashlib  # rare enough to be paid only here

    name = hashlib.sha256(os.fsencode(repository.common_dir)).hexdigest()[:32]
    return os.path.join(system.cache_base(environ), "memory-client", "first-commits", name)


def _write(note: str, commit: str) -> None:
    new = f"{note}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(note), mode=0o700, exist_ok=True)
        with open(new, "w", encoding="ascii") as file:
            file.write(commit)
        system.replace(new, note)
    except (OSError, ValueError):
        pass
