"""What the clients say: REST and MCP over one connection of plain HTTP, so that it is known what was answered."""

import http.client
import json
from typing import Any

PARQUET = "application/vnd.apache.parquet"
_TIMEOUT_S = 60.0


class UnansweredError(Exception):
    """The connection broke: what was asked may be done, or not."""


class RefusedError(Exception):
    """An answer that is no acknowledgement, such as 404; nothing was done."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said}")
        self.status = status


class Wire:
    """One connection that is kept; for one thread."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)

    def rest(self, method: str, path: str, body: object = None) -> Any:  # Any: JSON
        """The answer to a 2xx. Raises UnansweredError, RefusedError."""
        data = None if body is None else json.dumps(body).encode()
        return self._ask(method, path, data, {"Content-Type": "application/json"})

    def parquet(self, path: str, body: bytes) -> Any:
        return self._ask("POST", path, body, {"Content-Type": PARQUET})

    def tool(self, name: str, **arguments: object) -> str:
        """What the tool says. Raises UnansweredError, RefusedError."""
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        result = self._ask("POST", "/mcp", json.dumps(message).encode(), headers)["result"]
        text = "".join(part["text"] for part in result["content"])
        if result["isError"]:
            raise RefusedError(200, text)
        return text

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnansweredError(f"{method} {path}: {type(error).__name__}") from error
        if answer.status >= 300:
            raise RefusedError(answer.status, content.decode(errors="replace")[:300])
        if answer.getheader("Content-Type", "").startswith("text/event-stream"):  # one event, in one line
            content = next(line for line in content.splitlines() if line.startswith(b"data:")).removeprefix(b"data:")
        return json.loads(content)
