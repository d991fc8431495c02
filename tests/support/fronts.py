"""Real reverse proxies in front of a server, each with the configuration that the documentation gives.

Only what names a machine is put in its place: ports, certificates, and where the log goes.
"""

import contextlib
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx

from support.sockets import free_port, make_authority

EXAMPLES = Path(__file__).parents[2] / "docs" / "proxy"
PATIENCE_S = 60.0

_NGINX = """
{user}pid {folder}/nginx.pid;
error_log {folder}/nginx-errors.log;
worker_processes 1;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    gzip_types *;
    include {folder}/memory.conf;
}}
"""
_CADDY = """
{{
	admin off
	default_bind 127.0.0.1
	http_port {plain}
	https_port {tls}
}}
"""


@dataclass(frozen=True)
class Front:
    """`url` is for clients that trust `authority`, `plain_url` answers without TLS; `log` is its access log."""

    url: str
    plain_url: str
    authority: Path
    log: Path

    def client(self, *, address: str = "127.0.0.1", **headers: str) -> httpx.Client:
        """Requests that come from another of this machine's loopback addresses."""
        trust = ssl.create_default_context(cafile=str(self.authority))
        transport = httpx.HTTPTransport(verify=trust, local_address=address)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Client(base_url=self.url, headers=named, transport=transport, timeout=PATIENCE_S)


@contextlib.contextmanager
def nginx(folder: Path, server_port: int) -> Iterator[Front]:
    tls, plain = free_port(), free_port()
    authority, certificate, key = make_authority(folder)
    configuration = _placed(
        "nginx.conf",
        {
            "server 127.0.0.1:8420;": f"server 127.0.0.1:{server_port};",
            "listen 443 ssl": f"listen 127.0.0.1:{tls} ssl",
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "/etc/letsencrypt/live/memory.example.org/fullchain.pem": str(certificate),
            "/etc/letsencrypt/live/memory.example.org/privkey.pem": str(key),
            "/var/log/nginx/": f"{folder}/",
            "memory.example.org;": "localhost;",
        },
    )
    (folder / "memory.conf").write_text(configuration, encoding="utf-8")
    # Started as root, its workers would be somebody else, who may not look into the folder.
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, user=user), encoding="utf-8")
    front = Front(f"https://localhost:{tls}", f"http://localhost:{plain}", authority, folder / "memory.log")
    command = ["nginx", "-e", f"{folder}/nginx-errors.log", "-c", f"{folder}/nginx.conf", "-g", "daemon off;"]
    with _running(command, front, folder):
        yield front


@contextlib.contextmanager
def caddy(folder: Path, server_port: int) -> Iterator[Front]:
    tls, plain = free_port(), free_port()
    # Not those of its own: Caddy 2.6 may tidy its storage while it fills it, and then waits for a minute.
    authority, certificate, key = make_authority(folder)
    configuration = _placed(
        "Caddyfile",
        {
            "reverse_proxy 127.0.0.1:8420 ": f"reverse_proxy 127.0.0.1:{server_port} ",
            "/var/log/caddy/": f"{folder}/",
            "\nmemory.example.org {": f"\nlocalhost {{\n\ttls {certificate} {key}",
        },
    )
    (folder / "Caddyfile").write_text(_CADDY.format(tls=tls, plain=plain) + configuration, encoding="utf-8")
    front = Front(f"https://localhost:{tls}", f"http://localhost:{plain}", authority, folder / "memory.log")
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", f"{folder}/Caddyfile"]
    with _running(command, front, folder):
        yield front


FRONTS: dict[str, Callable[[Path, int], AbstractContextManager[Front]]] = {"nginx": nginx, "caddy": caddy}


def why_not(name: str) -> str | None:
    """Why that proxy cannot be tried on this machine; null where it can."""
    if sys.platform != "linux":
        return "elsewhere than on Linux not all of 127.0.0.0/8 is this machine"
    return None if shutil.which(name) else f"{name} is not installed"


def _placed(name: str, places: dict[str, str]) -> str:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    for there, here in places.items():
        assert there in text, f"{name} has no {there!r} any more"
        text = text.replace(there, here)
    return text


@contextlib.contextmanager
def _running(command: list[str], front: Front, folder: Path) -> Iterator[None]:
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "proxy.out").open("w") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=os.environ | home)
    try:
        _wait_until_it_answers(process, front, folder)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", front: Front, folder: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None, (folder / "proxy.out").read_text(encoding="utf-8")
        with contextlib.suppress(httpx.TransportError, OSError), front.client() as client:
            client.get("/health")
            return
        assert time.monotonic() < until, (folder / "proxy.out").read_text(encoding="utf-8")
        time.sleep(0.05)
