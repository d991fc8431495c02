"""What a request leaves unsaid is taken from its headers: which project, and which machine."""

from typing import TypeVar

from msgspec import UNSET, structs

from memory_core.errors import ForbiddenError
from memory_core.types import NewMemory, Scope
from memory_server.auth import Claims

ScopeT = TypeVar("ScopeT", bound=Scope)


def claimed(new: NewMemory, claims: Claims) -> NewMemory:
    """Raises ForbiddenError for another machine than that of its key."""
    changes: dict[str, str | None] = {}
    if claims.is_bound and new.client_id not in (None, claims.client_id):
        raise ForbiddenError(f"your key speaks for the client {claims.client_id!r} and for no other")
    if new.project_id is UNSET and claims.project_id is not None:
        changes["project_id"] = claims.project_id
    if new.client_id is None and claims.client_id is not None:
        changes["client_id"] = claims.client_id
    return structs.replace(new, **changes) if changes else new


def scoped(query: ScopeT, claims: Claims) -> ScopeT:
    if claims.project_id is None or query.project_id is not UNSET or query.global_search:
        return query
    return structs.replace(query, project_id=claims.project_id)
