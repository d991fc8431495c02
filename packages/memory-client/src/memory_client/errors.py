"""What the light modules raise. They cannot afford `memory_core.errors`, which needs msgspec; the SDK translates.

ClientError
├─ SettingError       a setting that cannot be meant
├─ CancelledError     the caller no longer wants the answer
├─ OutboxError        nothing can be kept on this machine: full, not writable, of a newer version
├─ RejectedError      an answer that is none of a memory server's; carries its `status`
└─ UnreachableError   no answer: the server is away, still starting, or cannot be started
   ├─ RefusedError    nobody listens there; nothing was sent
   └─ SilentError     it is there, or was, and does not answer
"""


class ClientError(Exception):
    """One sentence for people: what happened, and what to do."""


class SettingError(ClientError):
    pass


class CancelledError(ClientError):
    pass


class OutboxError(ClientError):
    pass


class RejectedError(ClientError):
    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class UnreachableError(ClientError):
    pass


class RefusedError(UnreachableError):
    pass


class SilentError(UnreachableError):
    pass


_GATEWAY = frozenset({502, 503, 504})


def is_away(error: ClientError) -> bool:
    """Whether the server itself may have said nothing: it is away, or its answer was lost."""
    return isinstance(error, UnreachableError) or (isinstance(error, RejectedError) and error.status in _GATEWAY)
