"""The one name of a remote, whatever way its URL is spelled. Standard library only.

What a machine has of its own, such as a shorthand in its git configuration or a name in that of ssh, is resolved: the
name is the same on every machine. A mirror that one machine is told to fetch from instead is none of a project's.
"""

import os
from collections.abc import Callable, Mapping

from memory_core import gitconfig, ssh_config, system

_SSH = frozenset({"ssh", "git+ssh", "ssh+git"})
_DEFAULT_PORTS = {
    "ssh": "22", "git+ssh": "22", "ssh+git": "22", "http": "80", "https": "443", "git+http": "80", "git+https": "443",
    "git": "9418", "ftp": "21", "ftps": "990",
}  # fmt: skip
# Hosts that take a path in any case, and other names under which they answer.
_CASELESS_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "dev.azure.com"})
_SAME_HOST = {
    "www.github.com": "github.com",
    "ssh.github.com": "github.com",
    "www.gitlab.com": "gitlab.com",
    "altssh.gitlab.com": "gitlab.com",
    "www.bitbucket.org": "bitbucket.org",
    "altssh.bitbucket.org": "bitbucket.org",
    "ssh.dev.azure.com": "dev.azure.com",
    "vs-ssh.visualstudio.com": "dev.azure.com",
}
MAX_ID_CHARS = 256


class User:
    """What the configuration files of a person say of remotes; each is read when it is asked, and once."""

    def __init__(self, environ: Mapping[str, str], git_dir: str = "") -> None:
        self._home = environ.get("HOME") or os.path.expanduser("~")
        self._config_home = environ.get("XDG_CONFIG_HOME") or os.path.join(self._home, ".config")
        self._git_dir = git_dir
        self._rules: list[tuple[str, str]] | None = None

    def expanded(self, url: str) -> str:
        """`url` with its beginning replaced as `insteadOf` says, else as `pushInsteadOf` does; the longest counts."""
        if self._rules is None:
            self._rules = list(self._insteads())
        fitting = [(start, base) for start, base in self._rules if url.startswith(start)]
        if not fitting:
            return url
        start, base = max(fitting, key=lambda rule: len(rule[0]))
        return base + url[len(start) :]

    def host(self, name: str) -> str:
        return ssh_config.host_name(name, os.path.join(self._home, ".ssh", "config"))

    def _insteads(self) -> "list[tuple[str, str]]":
        files = [*system.git_settings_of_all(), os.path.join(self._config_home, "git", "config")]
        files += [os.path.join(self._home, ".gitconfig"), os.path.join(self._git_dir, "config")]
        found: dict[str, dict[str, str]] = {"insteadof": {}, "pushinsteadof": {}}
        for file in files:
            for section, key, value in gitconfig.settings(file, git_dir=self._git_dir, home=self._home):
                if section.startswith("url.") and key in found and value:
                    found[key][value] = section[4:]
        return list((found["pushinsteadof"] | found["insteadof"]).items())


def identity(url: str, user: User | None = None) -> tuple[str, str] | None:
    """The id of the project that a remote names, and its short name; None for a path, and where nothing is to go by."""
    known = normalised(url, user.host if user else _itself)
    if user is not None and (known is None or _is_shorthand(url)) and (longer := user.expanded(url)) != url:
        known = normalised(longer, user.host) or known
    if known is None:
        return None
    host, path = known
    return f"{host}/{path.lower() if host in _CASELESS_HOSTS else path}", path.rpartition("/")[2]


def normalised(url: str, host_name: Callable[[str], str] | None = None) -> tuple[str, str] | None:
    """Host and path of a remote, the same for each of its spellings; None if it is a file, or nothing to go by.

    No credentials, no `.git`, no port: a server has one for ssh and one for https. Only on loopback, where ports are
    the ends of tunnels, a port is kept. `host_name` gives what ssh takes a host's name for.
    """
    parts = _parts(url.strip())
    if parts is None:
        return None
    scheme, authority, path = parts
    host, port = _host_and_port(authority.rpartition("@")[2].lower())
    if scheme in _SSH and host_name is not None and host not in _CASELESS_HOSTS and host not in _SAME_HOST:
        host = host_name(host)
    if port and port != _DEFAULT_PORTS[scheme] and _is_loopback(host):
        host = f"{host}:{port}"
    host = _SAME_HOST.get(host, host)
    path = "/".join(part for part in path.split("/") if part).removesuffix(".git").rstrip("/")
    host, path = _of_product(host, path)
    known = f"{host}/{path}"
    if not host or not path or len(known) > MAX_ID_CHARS or not known.isprintable():
        return None
    return host, path


def local_path(url: str, beside: str) -> str | None:
    """The path on this machine that a remote is, from the folder `beside`; None for one on a server or a share."""
    if url.startswith("file://"):
        host, _, path = url[7:].partition("/")
        if host not in ("", "localhost"):
            return None
        from urllib.parse import unquote  # as below

        return unquote(f"/{path}")
    if "::" in url or "://" in url or url.startswith(("\\\\", "//")) or _parts(url) is not None:
        return None
    return os.path.normpath(os.path.join(beside, url)) if url and "\0" not in url else None


def without_credentials(url: str) -> str:
    """`url` as it may be shown."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = (rest if separator else url).partition("/")
    user, at, host = authority.rpartition("@")
    if not at:
        return url
    keeps_user = not separator and ":" not in user
    shown = f"{user}@{host}" if keeps_user else host
    return f"{scheme}{separator}{shown}{slash}{path}" if separator else f"{shown}{slash}{path}"


def _parts(url: str) -> tuple[str, str, str] | None:
    """Scheme, authority and path; None for what is no address of a server."""
    helper, colons, address = url.partition("::")
    if colons and helper.isalnum():  # git-remote-HELPER is asked with the rest
        if helper == "codecommit":
            region, separator, repository = address.partition("://")
            host = f"git-codecommit.{region}.amazonaws.com"
            return ("https", host, f"v1/repos/{repository.rpartition('@')[2]}") if separator and region else None
        return _parts(address) if helper not in ("ext", "fd") and "::" not in address else None
    scheme, separator, rest = url.partition("://")
    if not separator:
        authority, path = _scp(url)
        return ("ssh", authority, path) if authority else None
    if scheme.lower() not in _DEFAULT_PORTS:
        return None
    authority, _, path = rest.partition("/")
    path = path.partition("?")[0].partition("#")[0]
    if "%" in path:
        from urllib.parse import unquote  # 5 ms, for the few remotes that need it

        path = unquote(path)
    return scheme.lower(), authority, path


def _scp(url: str) -> tuple[str, str]:
    """`user@host:path`, `user@[host:port]:path`; two empty texts for a path, also one of Windows."""
    user, at, rest = url.rpartition("@") if "@" in url.partition("/")[0] else ("", "", url)
    if rest.startswith("["):
        host, bracket, path = rest[1:].partition("]:")
        is_address = host.count(":") > 1
        return (f"{user}{at}[{host}]" if is_address else f"{user}{at}{host}", path) if bracket else ("", "")
    host, colon, path = rest.partition(":")
    is_drive = len(host) < 2 and not at
    is_path = not colon or "/" in host or "\\" in url or is_drive or path.startswith(":")
    return ("", "") if is_path else (f"{user}{at}{host}", path)


def _host_and_port(text: str) -> tuple[str, str]:
    if text.startswith("[") and text.endswith("]"):
        return text, ""
    host, colon, port = text.rpartition(":")
    if colon and not host.endswith(":") and (not port or (port.isascii() and port.isdecimal())):
        return host.rstrip("."), port
    return text.rstrip("."), ""


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "[::1]") or (host.startswith("127.") and host.replace(".", "").isdecimal())


def _is_shorthand(url: str) -> bool:
    """`gh:owner/repo`: what stands before the colon is no name of a server that other machines know."""
    start, colon, _ = url.partition(":")
    return bool(colon) and start.replace("-", "").replace("_", "").isalnum() and start.lower() not in _DEFAULT_PORTS


def _of_product(host: str, path: str) -> tuple[str, str]:
    """Where a product spells one repository in two ways."""
    parts = path.split("/")
    if host == "dev.azure.com" or host.endswith(".visualstudio.com"):
        return "dev.azure.com", _azure(host, parts).lower()
    if len(parts) == 3 and parts[0] == "scm":  # Bitbucket Data Center, over https; over ssh it has no such part
        return host, f"{parts[1].lower()}/{parts[2]}"
    return host, path


def _azure(host: str, parts: list[str]) -> str:
    """Organisation, project, repository: what `…/org/project/_git/repo` and `v3/org/project/repo` both mean."""
    if parts[0] == "v3":
        return "/".join(parts[1:])
    organisation = parts.pop(0) if host == "dev.azure.com" else host.partition(".")[0]
    named = [part for part in parts if part.lower() not in ("defaultcollection", "_git", "_full", "_optimized")]
    return "/".join([organisation, *(named * 2 if len(named) == 1 else named)])


def _itself(name: str) -> str:
    return name
