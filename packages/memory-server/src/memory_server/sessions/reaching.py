"""How far a caller reaches among sessions: whose it is, which it means by a name, and which it may change."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import structs

from memory_core.changes import By
from memory_core.engine.reach.reach import Reach
from memory_core.engine.redaction.finding import redact
from memory_core.errors import AmbiguousIdError, ForbiddenError
from memory_core.memories import Memories
from memory_core.types import SecretPolicy
from memory_server.auth import Caller
from memory_server.sessions.asking import SHORT_ID
from memory_server.sessions.entries import Row, Seen
from memory_server.sessions.naming import checked, subject_of, title_of, unknown

if TYPE_CHECKING:
    from memory_server.sessions.service import SessionService

MIN_BEGINNING = 4
NAMED = 5


class Reaching:
    """`memories` are the product as far as the caller's key reaches, which is `projects`; null for all."""

    def __init__(
        self, service: "SessionService", memories: Memories, caller: Caller, projects: Sequence[str] | None
    ) -> None:
        self._service = service
        self._memories = memories
        self._claims = caller.claims
        self._by = caller.by
        self._reach = None if projects is None else Reach(tuple(projects), service.names)

    async def _one(self, name: str) -> Row:
        """By its id, or the unique beginning of it. Raises NotFoundError, AmbiguousIdError."""
        checked(name)
        found = await self._service.journal(lambda book: book.named(name))
        found = [row for row in found if self._reach is None or self._reach.holds(row.project_id)]
        exact = [row for row in found if row.session_id == name]
        if exact:
            return exact[0]
        if not found or len(name) < MIN_BEGINNING:
            raise unknown(name)
        if len(found) > 1:
            named = ", ".join(row.session_id for row in found[:NAMED])
            raise AmbiguousIdError(f"several sessions begin with {name}: {named}; give more of the id")
        return found[0]

    async def _short(self, session_id: str) -> str:
        beginning = session_id[:SHORT_ID]
        found = await self._service.journal(lambda book: book.named(beginning))
        return beginning if len(found) == 1 and len(beginning) >= MIN_BEGINNING else session_id

    def _named(self, row: Row) -> Row:
        """With the name that its project has by now."""
        return structs.replace(row, project_id=self._service.names.meant(row.project_id))

    def _seen(
        self,
        session_id: str,
        by: By,
        *,
        agent: str | None = None,
        directory: str | None = None,
        title: str | None = None,
        prompt: str | None = None,
    ) -> Seen:
        return Seen(
            session_id=checked(session_id),
            at=self._at(by),
            project_id=self._within(self._claims.project_id),
            client_id=self._claims.client_id,
            agent=agent and self._vetted(agent),
            directory=directory and self._vetted(directory),
            title=title_of(self._vetted(title or (subject_of(prompt) if prompt and self._service.notes else ""))),
        )

    def _at(self, by: By) -> datetime:
        return self._service.clock() - timedelta(seconds=by.ago_s)

    def _within(self, project_id: str | None) -> str | None:
        """As for memories: who reaches one project alone means that one. Raises ForbiddenError."""
        if self._reach is not None:
            if project_id is None and len(self._reach.projects) == 1:
                project_id = self._reach.projects[0] or None
            self._reach.check(project_id)
        return self._service.names.meant(project_id)

    def _listed(self, projects: Sequence[str] | None) -> Sequence[str] | None:
        """Of `projects`, null for all, those within reach, under all of their names."""
        if self._reach is not None:
            projects = tuple(self._reach.named(projects))
        return None if projects is None else self._service.names.called(projects)

    def _may_change(self, row: Row) -> None:
        """Raises NotFoundError for a session of another project, ForbiddenError for one of another machine."""
        if self._reach is not None and not self._reach.holds(row.project_id):
            raise unknown(row.session_id)
        if self._claims.is_bound and row.client_id not in (None, self._claims.client_id):
            raise ForbiddenError(f"your key speaks for the client {self._claims.client_id!r} and for no other")

    def _vetted(self, text: str) -> str:
        return text if self._service.secrets is SecretPolicy.OFF else redact(text)[0]
