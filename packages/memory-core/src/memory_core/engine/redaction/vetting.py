"""What is to be written, without the secrets in it: a new memory, a change, what is said of one, what an import brings.

Nothing that is called here tells a secret: not the errors, which name a kind and a place, and not what is answered. The
names by which memories are told apart, project and topic, are never changed: two secrets would become one name.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from msgspec import Struct, structs

from memory_core import checks
from memory_core.changes import By, Revision, Settlement
from memory_core.engine import ids
from memory_core.engine.ports import EmbeddedEntry
from memory_core.engine.redaction.finding import Found, find, marker, redact
from memory_core.errors import InvalidError
from memory_core.types import Memory, MemoryPatch, NewMemory, SecretPolicy

T = TypeVar("T", bound=Struct)

_LONGEST = {"tags": checks.MAX_TAG_CHARS, "source": checks.MAX_NAME_CHARS}
_IN_MEMORY = ("content", "tags", "source", "client_id", "session_id", "topic_key", "project_id")


class Vetting(Struct, frozen=True):
    policy: SecretPolicy = SecretPolicy.REDACT

    def new(self, new: NewMemory) -> tuple[NewMemory, tuple[str, ...]]:
        """As it may be kept, and the kinds of what was left out. Raises InvalidError where it may not."""
        self._require_none(new, "project_id", "topic_key", "supersedes")
        return self._without(new, "content", "tags", "source", "client_id", "session_id")

    def patch(self, patch: MemoryPatch) -> tuple[MemoryPatch, tuple[str, ...]]:
        """As `new`."""
        self._require_none(patch, "project_id", "topic_key")
        return self._without(patch, "content", "tags", "source")

    def settlement(self, asked: Settlement) -> tuple[Settlement, tuple[str, ...]]:
        """As `new`."""
        return self._without(asked, "content")

    def by(self, by: By) -> By:
        return self._without(by, "reason", "client_id")[0]

    def name(self, field: str, value: str | None) -> None:
        """Raises InvalidError for a name that holds a secret."""
        if self.policy is not SecretPolicy.OFF and value is not None and (found := find(value)):
            raise _refusal(field, found)

    def entry(self, entry: EmbeddedEntry) -> tuple[EmbeddedEntry, tuple[str, ...]]:
        """A memory of an import, its past states too. Vectors of what had a secret in it are left behind with that."""
        try:
            memory, kinds = self.memory(entry.memory)
            history = [self._revision(each) for each in entry.history]
        except InvalidError as refusal:
            raise InvalidError(f"memory {ids.short(entry.memory.id)}: {refusal}") from None
        past = tuple(kind for _, more in history for kind in more)
        if not kinds and not past:
            return entry, ()
        changed = structs.replace(entry, memory=memory, history=tuple(each for each, _ in history))
        if memory.content != entry.memory.content or memory.tags != entry.memory.tags:
            changed = structs.replace(changed, model=None, vectors=None)
        return changed, kinds or past

    def memory(self, memory: Memory) -> tuple[Memory, tuple[str, ...]]:
        cleared, kinds = self._without(memory, *_IN_MEMORY)
        if not kinds:
            return memory, ()
        tags = tuple(dict.fromkeys(cleared.tags))
        return structs.replace(cleared, content=_fitting(cleared.content), tags=tags), kinds

    def _revision(self, revision: Revision) -> tuple[Revision, tuple[str, ...]]:
        memory, of_memory = self.memory(revision.memory)
        changed, of_change = self._without(revision, "reason", "client_id")
        kinds = of_memory + of_change
        return (structs.replace(changed, memory=memory) if kinds else revision), kinds

    def _require_none(self, struct: Struct, *fields: str) -> None:
        for field in fields:
            value = getattr(struct, field)
            self.name(field, value if isinstance(value, str) else None)

    def _without(self, struct: T, *fields: str) -> tuple[T, tuple[str, ...]]:
        if self.policy is SecretPolicy.OFF:
            return struct, ()
        if not find("\n".join(_texts(struct, fields))):  # all in one go, because nearly every one ends here
            return struct, ()
        changes: dict[str, Any] = {}  # Any: texts, and tuples of texts
        kinds: list[str] = []
        for field in fields:
            value = getattr(struct, field)
            if isinstance(value, str):
                changes[field] = self._cleared(field, value, kinds.append)
            elif isinstance(value, tuple):
                changes[field] = tuple(self._cleared(field, each, kinds.append) for each in value)
        return (structs.replace(struct, **changes), tuple(kinds)) if kinds else (struct, ())

    def _cleared(self, field: str, text: str, tell: Callable[[str], None]) -> str:
        cleared, kinds = redact(text)
        if kinds and self.policy is SecretPolicy.REFUSE:
            raise _refusal(field, find(text))
        for kind in kinds:
            tell(kind)
        # A marker can be longer than what it stands for. Where it no longer fits, no more than the marker is kept.
        limit = _LONGEST.get(field, checks.MAX_NAME_CHARS)
        return cleared if field == "content" or len(cleared) <= limit or not kinds else marker(kinds[0])


def _fitting(content: str) -> str:
    """Hundreds of markers can be longer than a content may be; a new memory is then refused, but not a whole file."""
    return content.encode()[: checks.MAX_CONTENT_BYTES].decode(errors="ignore")


def _texts(struct: Struct, fields: Sequence[str]) -> Iterator[str]:
    for field in fields:
        value = getattr(struct, field)
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from value


def _refusal(field: str, found: Sequence[Found]) -> InvalidError:
    where = ", ".join(f"{one.kind} at character {one.start + 1:,}" for one in found[:5])
    return InvalidError(f"{field} holds what looks like a secret ({where}); leave it out, and keep where it is instead")
