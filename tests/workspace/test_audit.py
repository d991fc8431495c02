"""The audit of dependencies: a known vulnerability fails it, and not knowing is never taken for none."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from support.platforms import posix_only
from support.sockets import free_port

ROOT = Path(__file__).resolve().parents[2]
pytestmark = posix_only("the script is for bash")
VULNERABILITY = {"id": "GHSA-aaaa-bbbb-cccc", "modified": "2026-01-01T00:00:00Z"}


@contextmanager
def knowing(*vulnerabilities: dict[str, str]) -> Iterator[str]:
    """The address of a service that has these of the first package it is asked for, and none of the others."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            found: list[dict[str, object]] = [{} for _ in asked]
            found[0] = {"vulns": list(vulnerabilities)}
            self.answer({"results": found})

        def do_GET(self) -> None:
            self.answer(VULNERABILITY | {"summary": "bad", "affected": []})

        def answer(self, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def audit(service: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "CI"}
    command = [ROOT / "scripts/dev/audit", "--service-url", service]
    return subprocess.run(
        command, env=clean | {"UV_HTTP_RETRIES": "0", **environment}, capture_output=True, text=True, check=False
    )


def test_nothing_known_is_no_failure() -> None:
    with knowing() as service:
        assert audit(service).returncode == 0


def test_a_known_vulnerability_is_a_failure_that_names_it() -> None:
    with knowing(VULNERABILITY) as service:
        found = audit(service)

    assert found.returncode == 1
    assert VULNERABILITY["id"] in found.stdout


def test_a_service_that_cannot_be_asked_is_said_and_is_a_failure_only_in_ci() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"

    here, in_ci = audit(nowhere), audit(nowhere, CI="true")

    assert "not audited" in here.stderr
    assert (here.returncode, in_ci.returncode) == (0, 2)
