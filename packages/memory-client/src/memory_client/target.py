"""Where the server is, and what this machine says of itself. Bridge, CLI and SDK resolve it here, and only here.

Takes the environment as an argument; reads no file but git's, the key's and the settings'. Standard library only.
"""

import os
from collections.abc import Mapping

from memory_client import options, settings_file, urls
from memory_client.errors import SettingError
from memory_core import system
from memory_core.project import Project, identify

LOCAL = "local"
OUTBOX_FOLDER = "outbox"
"""In the data directory: what is kept there while a server is away."""

# What `urllib.parse.quote(…, safe="/:@.-_~ ")` leaves as it is; that import would cost a start 5 ms.
_HEADER_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:@.-_~ ")


class Target:
    """A server and the caller. `url` None means the local server of `data_dir`, which has a key of its own.

    `project` None means no project. `proxy` is the URL of the proxy on the way to `url`, None without one. `cache_dir`
    is for what may be lost.
    """

    __slots__ = ("cache_dir", "client_id", "data_dir", "key", "project", "proxy", "url")

    def __init__(
        self, *, url: str | None, key: str | None, client_id: str, project: Project | None, data_dir: str,
        cache_dir: str | None = None, proxy: str | None = None,
    ) -> None:  # fmt: skip
        self.url = url
        self.key = key
        self.client_id = client_id
        self.project = project
        self.data_dir = data_dir
        self.cache_dir = cache_dir
        self.proxy = proxy

    def identity_headers(self) -> dict[str, str]:
        """Who asks, and for which project: for every request. Without the key."""
        headers = {"X-Client-ID": header_text(self.client_id)}
        if self.project is not None:
            headers["X-Project-ID"] = header_text(self.project.id)
        return headers


def resolve_target(
    environ: Mapping[str, str], *, server: str | None = None, project: str | None = None, directory: str | None = None
) -> Target:
    """The target that the environment names; `server` goes before MEMORY_SERVER, `project` before MEMORY_PROJECT.

    `server="local"` means the local one whatever MEMORY_SERVER says. Where the environment says nothing, the settings
    file of this machine does. Raises SettingError.
    """
    if server is None:
        environ = options.completed(environ)
    environ = settings_file.beneath(environ, server=server)
    place = (environ.get("MEMORY_SERVER", "") if server is None else server).strip()
    url = None if place in ("", LOCAL) else urls.server_url(place)
    key = _key(environ)
    if key is not None and not (key.isascii() and key.isprintable()):
        raise SettingError("MEMORY_API_KEY holds a character that a key cannot have; copy it again")
    home = settings_file.home(environ)
    data_dir = environ.get("MEMORY_DATA_DIR", "").strip() or os.path.join(home, ".claude-memory")
    data_dir = system.in_home(data_dir, home)
    if data_dir.startswith("~"):
        raise SettingError(f"MEMORY_DATA_DIR is {data_dir!r}, and only ~/ is known here; write the folder in full")
    return Target(
        url=url,
        key=key if url is not None else None,
        client_id=environ.get("MEMORY_CLIENT_ID", "").strip() or system.host_name(environ),
        project=identify(working_directory(environ, directory), project or environ.get("MEMORY_PROJECT"), environ),
        data_dir=os.path.abspath(data_dir),
        cache_dir=os.path.join(system.cache_base(environ), "memory-client"),
        proxy=None if url is None else urls.proxy_of(url, environ),
    )


def _key(environ: Mapping[str, str]) -> str | None:
    """The key itself, or what the file holds that MEMORY_API_KEY_FILE names. Raises SettingError."""
    key, file = environ.get("MEMORY_API_KEY", "").strip(), environ.get("MEMORY_API_KEY_FILE", "").strip()
    if not file:
        return key or None
    if key:
        raise SettingError("both MEMORY_API_KEY and MEMORY_API_KEY_FILE are set; keep one of them")
    try:
        with open(file, encoding="utf-8") as opened:
            return opened.read().strip() or None
    except (OSError, UnicodeDecodeError) as error:
        from memory_core.files import why_not  # who can read it does not pay for the import

        raise SettingError(f"MEMORY_API_KEY_FILE names {file}, which cannot be read: {why_not(error)}") from error


def header_text(text: str) -> str:
    """`text` percent-encoded, so that any text fits a header."""
    return "".join(chr(b) if b in _HEADER_SAFE else f"%{b:02X}" for b in text.encode("utf-8", "replace"))


def working_directory(environ: Mapping[str, str], directory: str | None = None) -> str:
    """Where to look for the project: Claude Code says where it works; its servers may run elsewhere."""
    named = directory or environ.get("CLAUDE_PROJECT_DIR")
    if named:
        return named
    try:
        return os.getcwd()
    except OSError:  # the directory has been removed
        return os.sep
