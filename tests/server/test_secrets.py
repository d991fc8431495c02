"""A secret that somebody sends to a server is nowhere afterwards: not in its files, its log and its answers."""

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from memory_core.formats.jsonl import line_of
from memory_core.types import SecretPolicy
from support.kept import kept as a_memory
from support.leaks import Leak, leak
from support.rpc import ACCEPT, answer_of, tool_text
from support.servers import running_server

KEY = "the key of these tests"
FORMS = ("gh|p_<36>", "AK|IA<16 upper>", "postgres://app:|<14>@db/shop", "sk-|ant-api03-<93>AA", "DB_PASSWORD=|<16>")


def sent_in_every_way(http: httpx.Client, secret: str) -> list[httpx.Response]:
    """Answers to requests of every kind that take text, good ones and bad ones."""
    kept = http.post("/memories", json={"content": "plain"})
    path = f"/memories/{kept.json()['id']}"
    reason = {"X-Reason": quote(f"because {secret}")}
    call = {"name": "memory_add", "arguments": {"content": f"tool {secret}", "tags": [secret[:128]]}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    file = {"Content-Type": "application/jsonl"}
    imported = a_memory(f"from a file: {secret}", source=secret[:256])
    return [
        http.post("/memories", json={"content": f"kept {secret}", "source": secret[:256]}, headers=reason),
        http.post("/memories", json={"content": f"kept {secret}"}, headers={"Idempotency-Key": "once"}),
        http.patch(path, json={"content": f"changed {secret}", "tags": [secret[:128]]}, headers=reason),
        http.delete(path, headers=reason | {"X-Client-ID": quote(secret)}),
        http.delete(f"/memories/{quote(secret, safe='')}"),
        http.post("/memories/purge", json={"project_id": secret[:256], "dry_run": False}),
        http.post("/undo", json={"memory_id": kept.json()["id"]}, headers=reason),
        http.post("/mcp", json=message, headers=ACCEPT | reason),
        http.post("/import", content=line_of(imported), headers=file),
        http.post("/import", content=line_of(imported)[:-9], headers=file),
        http.post("/memories", json={"content": "x", "topic_key": secret[:256]}),
        http.post("/memories", json={"content": "x", "memory_type": secret}),
        http.post("/memories", content=b'{"content": "' + secret.encode()),
        http.get(f"/memories/{quote(secret, safe='')}"),
        http.get(f"/nowhere/{quote(secret, safe='')}"),
    ]


def places(data_dir: Path, log: str, secrets: list[Leak]) -> dict[str, list[str]]:
    """Where something of a secret is."""
    texts = {str(file): file.read_bytes().decode("latin-1") for file in data_dir.rglob("*") if file.is_file()}
    texts["the log"] = log
    found = {name: [part for secret in secrets for part in secret.remains(text)] for name, text in texts.items()}
    return {name: parts for name, parts in found.items() if parts}


@pytest.mark.parametrize("policy", [SecretPolicy.REDACT, SecretPolicy.REFUSE])
def test_a_secret_that_is_sent_is_nowhere(tmp_path: Path, policy: SecretPolicy) -> None:
    secrets = [leak(form) for form in FORMS]
    env = {"MEMORY_SECRETS": policy.value, "MEMORY_LIMIT_WRITES": "off", "MEMORY_LIMIT_READS": "off"}

    with running_server(tmp_path / "data", api_key=KEY, env=env) as server:
        with httpx.Client(base_url=server.url, headers={"X-API-Key": KEY}, timeout=60) as http:
            answers = [answer for secret in secrets for answer in sent_in_every_way(http, secret.text)]
        before_checkpoint = places(server.data_dir, server.log_text(), secrets)
        assert server.stop() == 0
        assert before_checkpoint | places(server.data_dir, server.log_text(), secrets) == {}

    assert max(answer.status_code for answer in answers) < 500
    kept = [answer for answer in answers if answer.status_code in (200, 201)]
    assert [part for answer in kept for secret in secrets for part in secret.remains(answer.text)] == []
    refusals = [answer.json()["detail"] for answer in answers if answer.status_code == 422 and "secret" in answer.text]
    assert (len(refusals) > len(secrets)) is (policy is SecretPolicy.REFUSE)
    assert [part for said in refusals for secret in secrets for part in secret.remains(said)] == []


def test_an_agent_is_told_what_was_left_out(tmp_path: Path) -> None:
    arguments = {"content": leak("Deploy with AK|IA<16 upper> and gh|p_<36>").text}
    call = {"name": "memory_add", "arguments": arguments}
    with running_server(tmp_path / "data") as server:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        said = tool_text(answer_of(httpx.post(f"{server.url}/mcp", json=message, headers=ACCEPT, timeout=60))["result"])

    assert said.endswith("2 secrets were left out: aws-key, github-token. Keep where it is found, never itself.")
