"""Commands that a person is told to type on this machine: for a shell of Unix, or for PowerShell. Pure."""

import shlex

from memory_core.system import PLATFORM


def what_takes_room(folder: str, platform: str = PLATFORM) -> str:
    if platform == "win32":
        return f"Get-ChildItem {_quoted(folder, platform)} -Recurse | Sort-Object Length | Select-Object -Last 20"
    return f"du -h -d 1 {_quoted(folder, platform)}"


def last_lines(file: str, platform: str = PLATFORM) -> str:
    quoted = _quoted(file, platform)
    return f"Get-Content -Tail 20 {quoted}" if platform == "win32" else f"tail -n 20 {quoted}"


def remove(file: str, platform: str = PLATFORM) -> str:
    quoted = _quoted(file, platform)
    return f"Remove-Item {quoted}" if platform == "win32" else f"rm {quoted}"


def look_at(pid: str, platform: str = PLATFORM) -> str:
    return f"Get-Process -Id {pid}" if platform == "win32" else f"ps -f -p {pid}"


def let(name: str, value: str, platform: str = PLATFORM) -> str:
    """Set a variable for what follows in this shell."""
    return f"$env:{name} = {_quoted(value, platform)}" if platform == "win32" else f"export {name}={shlex.quote(value)}"


def _quoted(text: str, platform: str) -> str:
    return "'" + text.replace("'", "''") + "'" if platform == "win32" else shlex.quote(text)
