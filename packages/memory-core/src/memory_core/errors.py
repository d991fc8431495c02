"""The error tree, the code of each, and how an error looks on the wire (RFC 9457 problem details).

    MemoryServiceError
    ├─ InvalidError          422  invalid            what was sent cannot be taken; the sentence says why
    ├─ UnauthorizedError     401  unauthorized       no key, or a wrong one
    ├─ ForbiddenError        403  forbidden          the key may not do this
    ├─ NotFoundError         404  not-found
    ├─ ConflictError         409  conflict           it would overwrite something else
    │  └─ AmbiguousIdError   409  ambiguous-id       a beginning that several ids share
    ├─ TooLargeError         413  too-large
    ├─ RateLimitedError      429  rate-limited       carries `retry_after_s`
    ├─ UnavailableError      503  unavailable        not now: starting, stopping, out of reach, in use by another
    │  └─ ModelUnavailableError   model-unavailable  the embedding model cannot be had
    ├─ StorageFullError      507  storage-full       below the floor of free disk; reads go on
    │  └─ QuotaError         507  quota              the key keeps as much as it may; reads and deleting go on
    └─ InternalError         500  internal           our fault; the log has the traceback

The same class is caught whether the engine is in this process or behind HTTP: `problem_of` and `error_of` are inverse.
`MemoryError` is a builtin of another meaning, hence the root's name.
"""

from typing import ClassVar

import msgspec


class MemoryServiceError(Exception):
    """Root of all errors a caller may want to catch. Its text is for people: what happened, and what to do."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"


class InvalidError(MemoryServiceError, ValueError):
    # A ValueError too, so that msgspec turns it into its own ValidationError while it decodes.
    code, status, title = "invalid", 422, "Invalid input"


class UnauthorizedError(MemoryServiceError):
    code, status, title = "unauthorized", 401, "Not authenticated"


class ForbiddenError(MemoryServiceError):
    code, status, title = "forbidden", 403, "Not allowed"


class NotFoundError(MemoryServiceError):
    code, status, title = "not-found", 404, "Not found"


class ConflictError(MemoryServiceError):
    code, status, title = "conflict", 409, "Conflict"


class AmbiguousIdError(ConflictError):
    code, title = "ambiguous-id", "Ambiguous id"


class TooLargeError(MemoryServiceError):
    code, status, title = "too-large", 413, "Too large"


class RateLimitedError(MemoryServiceError):
    code, status, title = "rate-limited", 429, "Too many requests"

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnavailableError(MemoryServiceError):
    code, status, title = "unavailable", 503, "Not available now"


class ModelUnavailableError(UnavailableError):
    code, title = "model-unavailable", "Embedding model not available"


class StorageFullError(MemoryServiceError):
    code, status, title = "storage-full", 507, "Disk full"


class QuotaError(StorageFullError):
    # Not 403, which says that the key never may: deleting something makes room.
    code, title = "quota", "Quota used up"


class InternalError(MemoryServiceError):
    pass


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Problem details, RFC 9457, with members of ours: `code`, `retry_after_s`, `request_id` as in the server's log."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retry_after_s: float | None = None
    request_id: str | None = None


def _tree(root: type[MemoryServiceError]) -> dict[str, type[MemoryServiceError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


_BY_CODE = _tree(MemoryServiceError) | {InternalError.code: InternalError}


def problem_of(error: MemoryServiceError) -> Problem:
    return Problem(
        type=f"urn:claude-memory:{error.code}",
        title=error.title,
        status=error.status,
        detail=str(error),
        code=error.code,
        retry_after_s=error.retry_after_s if isinstance(error, RateLimitedError) else None,
    )


def error_of(problem: Problem) -> MemoryServiceError:
    """The error that `problem` stands for; a code of a newer server becomes the root class."""
    kind = _BY_CODE.get(problem.code, MemoryServiceError)
    if issubclass(kind, RateLimitedError):
        return kind(problem.detail, retry_after_s=problem.retry_after_s or 1.0)
    return kind(problem.detail)
