#!/usr/bin/env python3
"""What memory-client tells a client before it has ever met its server: asked of the real one, kept in the wheel.

    uv run scripts/dev/snapshot.py            write packages/memory-client/src/memory_client/snapshot.json
    uv run scripts/dev/snapshot.py --check    say whether it is what the server says today

Run it after a change to tools, prompts, resources or the instructions; a test fails until then.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from memory_client import __version__, local, messages, offline
from memory_client.messages import HANDSHAKE_VERSIONS, Message
from memory_client.transport import Transport

SNAPSHOT = Path(offline.__file__).with_name("snapshot.json")
MODERN_VERSION = "2026-07-28"

Result = dict[str, object]


def questions() -> list[Message]:
    hello = {"protocolVersion": HANDSHAKE_VERSIONS[-1], "capabilities": {}, "clientInfo": {"name": "s", "version": "0"}}
    first = messages.line_of({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
    lists = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
    rest = [(method, version) for version in (None, MODERN_VERSION) for method in lists]
    rest.append(("server/discover", MODERN_VERSION))
    return [messages.parsed(first), *(messages.request(method, version) for method, version in rest)]


def asked(transport: Transport, question: Message) -> Result:
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    headers |= question.headers(HANDSHAKE_VERSIONS[-1])
    with transport.request("POST", "/mcp", body=question.raw, headers=headers) as answer:
        lines = answer.read().decode().splitlines()
    data = next(line.removeprefix("data: ") for line in lines if line.startswith(("data: ", "{")))
    result = json.loads(data)["result"]
    assert isinstance(result, dict), data
    return result


def taken() -> dict[str, Result]:
    """The answers of a server that is started for it, and stopped."""
    os.environ["MEMORY_EMBEDDER"] = "none"
    with tempfile.TemporaryDirectory() as data_dir:
        endpoint = local.connect(data_dir, version=__version__)
        transport = Transport(endpoint.url, headers={"X-API-Key": endpoint.key})
        try:
            return {offline.key(question): asked(transport, question) for question in questions()}
        finally:
            transport.close()
            local.stop(data_dir)


def text_of(answers: dict[str, Result]) -> str:
    """A version alone is no change: it is the wheel's own."""
    for answer in answers.values():
        info = answer.get("serverInfo")
        if isinstance(info, dict):
            info["version"] = "0"
        meta = answer.get("_meta")
        if isinstance(meta, dict):
            for value in meta.values():
                if isinstance(value, dict) and "version" in value:
                    value["version"] = "0"
    return json.dumps(answers, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    now = text_of(taken())
    if sys.argv[1:] == ["--check"]:
        if SNAPSHOT.exists() and SNAPSHOT.read_text(encoding="utf-8") == now:
            return 0
        print("snapshot.json is not what the server says; run: uv run scripts/dev/snapshot.py", file=sys.stderr)
        return 1
    SNAPSHOT.write_text(now, encoding="utf-8", newline="\n")
    print(f"{SNAPSHOT}: {len(now)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
