"""What the light modules raise. They cannot afford `memory_core.errors`, which needs msgspec; the SDK translates."""


class ClientError(Exception):
    """One sentence for people: what happened, and what to do."""


class SettingError(ClientError):
    """A setting that cannot be meant: `MEMORY_SERVER=ftp://…`."""


class UnreachableError(ClientError):
    """No answer from the server: it is away, still starting, or cannot be started."""
