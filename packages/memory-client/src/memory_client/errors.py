"""What the light modules raise. They cannot afford `memory_core.errors`, which needs msgspec; the SDK translates.

ClientError
├─ SettingError       a setting that cannot be meant
├─ CancelledError     the caller no longer wants the answer
└─ UnreachableError   no answer: the server is away, still starting, or cannot be started
   └─ RefusedError    nobody listens there; nothing was sent
"""


class ClientError(Exception):
    """One sentence for people: what happened, and what to do."""


class SettingError(ClientError):
    pass


class CancelledError(ClientError):
    pass


class UnreachableError(ClientError):
    pass


class RefusedError(UnreachableError):
    pass


class SilentError(UnreachableError):
    pass
