"""What a client asks at its start, remembered, so that it can be told while the server is away.

Claude Code never starts a stdio server again: a bridge that cannot answer `initialize` is lost for the session. The
last answers of each server are kept in a file; before there are any, the snapshot in the wheel serves.
"""

import json
import os
import time

from memory_client.messages import HANDSHAKE_VERSIONS, Message
from memory_core import system

REMEMBERED = frozenset(
    {
        "initialize", "server/discover", "tools/list",
        "prompts/list", "resources/list", "resources/templates/list",
    }
)  # fmt: skip
_SNAPSHOT = os.path.join(os.path.dirname(__file__), "snapshot.json")

Result = dict[str, object]


class Answers:
    """The last answers of one server. `server` names it in whatever way is stable; `cache_dir` None keeps no file."""

    def __init__(self, cache_dir: str | None, server: str) -> None:
        self._cache_dir = cache_dir
        self._server = server
        self._known: dict[str, Result] | None = None

    def serves(self, message: Message) -> bool:
        """Whether `message` asks what can be told from memory."""
        return message.method in REMEMBERED and "cursor" not in message.params

    def changes(self, message: Message) -> bool:
        """Whether `message` calls a tool that writes, as far as the server, or the snapshot, has described it.

        As the protocol has it, a tool that does not say it only reads may write. Of one that nobody has described
        nothing is known: its call is not taken for a write, so that nothing is promised that may never be done.
        """
        name = message.params.get("name")
        if message.method != "tools/call" or not isinstance(name, str):
            return False
        question = "tools/list" if message.version is None else f"{message.version} tools/list"
        listed = (self._load().get(question) or _read(_SNAPSHOT).get(question) or {}).get("tools")
        tools = listed if isinstance(listed, list) else []
        tool = next((one for one in tools if isinstance(one, dict) and one.get("name") == name), None)
        hints = None if tool is None else tool.get("annotations")
        return tool is not None and not (isinstance(hints, dict) and hints.get("readOnlyHint") is True)

    def get(self, message: Message) -> Result | None:
        """What to tell `message` while the server is away; None if it is no such question."""
        if not self.serves(message):
            return None
        known = self._load().get(key(message))
        if known is None:
            known = _read(_SNAPSHOT).get(key(message))
        if known is None:
            return None
        result = dict(known)
        if message.method == "initialize":
            asked = message.params.get("protocolVersion")
            result["protocolVersion"] = asked if asked in HANDSHAKE_VERSIONS else HANDSHAKE_VERSIONS[-1]
            result["capabilities"] = _with_list_changed(result.get("capabilities"))
        elif "ttlMs" in result:
            result["ttlMs"] = 0  # ask again: the server may have learned something
        return result

    def keep(self, message: Message, result: Result) -> None:
        """Remember an answer of the server. A cache that cannot be written is not worth a word."""
        if not self.serves(message):
            return
        known = self._load()
        if known.get(key(message)) == result:
            return
        known[key(message)] = result
        if self._cache_dir is None:
            return
        try:
            os.makedirs(self._cache_dir, mode=0o700, exist_ok=True)
            path = self._path()
            temporary = f"{path}.{os.getpid()}.{time.monotonic_ns()}"
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(known, file)
            system.replace(temporary, path)
        except OSError:
            self._cache_dir = None

    def _load(self) -> dict[str, Result]:
        if self._known is None:
            self._known = {} if self._cache_dir is None else _read(self._path())
        return self._known

    def _path(self) -> str:
        import hashlib  # 3 ms, and only now

        assert self._cache_dir is not None  # noqa: S101 - checked by both callers
        return os.path.join(self._cache_dir, f"{hashlib.sha256(self._server.encode()).hexdigest()}.json")


def key(message: Message) -> str:
    """Under what name an answer to `message` is kept: each protocol era asks and is told in its own way."""
    return message.method if message.version is None else f"{message.version} {message.method}"


def _with_list_changed(capabilities: object) -> Result:
    """What we tell from memory may have changed: the client is to listen for that."""
    known = dict(capabilities) if isinstance(capabilities, dict) else {}
    tools = known.get("tools")
    known["tools"] = {**(tools if isinstance(tools, dict) else {}), "listChanged": True}
    return known


def _read(path: str) -> dict[str, Result]:
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in document.items() if isinstance(v, dict)} if isinstance(document, dict) else {}
