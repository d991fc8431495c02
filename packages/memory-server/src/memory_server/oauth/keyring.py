"""A connector's token as a key among the others."""

from memory_server.access import Keyring, Principal
from memory_server.oauth.grants import Grants
from memory_server.oauth.tokens import ACCESS


class GrantKeyring:
    """Knows the access tokens of grants, by how they begin, and leaves every other key to others."""

    is_open = False

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    def principal(self, key: str) -> Principal | None:
        return self._grants.principal(key) if key.startswith(ACCESS) else None


class First:
    """Several keyrings as one: the first that knows a key says whose it is."""

    def __init__(self, *keyrings: Keyring) -> None:
        self._keyrings = keyrings

    @property
    def is_open(self) -> bool:
        return all(keyring.is_open for keyring in self._keyrings)

    def principal(self, key: str) -> Principal | None:
        return next(filter(None, (keyring.principal(key) for keyring in self._keyrings)), None)
