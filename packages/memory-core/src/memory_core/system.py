"""What differs between Linux, macOS and Windows: no other module asks where it runs.

What only names things takes the platform as an argument, as `sys.platform` has it, and can be tried anywhere. Standard
library only, and little of it: every start of a hook pays for this module.
"""

import errno
import os
import sys
import time
from collections.abc import Mapping

TYPE_CHECKING = False  # typing itself would cost a start 5 ms
if TYPE_CHECKING:
    import socket
    import subprocess
    from types import ModuleType
    from typing import IO

PLATFORM = sys.platform
BINARY = getattr(os, "O_BINARY", 0)
"""For `os.open`: on Windows `os.write` would make two bytes of each line's end without it."""
_FULL = ("No space left on device", "not enough space on the disk")
_HELD = ("Conflicting lock", "being used by another process", "File is already open in")
# The numbers by which Windows has words for the same, in the language of the machine.
_FULL_NUMBERS = (39, 112)
_HELD_NUMBERS = (32, 33)
_REPLACE_WITHIN_S = 2.0
_LOCKED_BYTE = 1 << 30  # on Windows nobody may read what is locked: a byte far behind all that a lock file says

if sys.platform == "win32":
    import _winapi
    import msvcrt
else:
    import fcntl


def lock(file: int) -> bool:
    """Lock an open file for this process alone, at once or not at all; `unlock` or the end of the process frees it."""
    if sys.platform == "win32":
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:  # of whatever number: what could not be locked is not ours
            return False
    else:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def unlock(file: int) -> None:
    """Before the file is closed: Windows frees the lock of a closed one when it finds the time."""
    if sys.platform == "win32":
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)


def replace(source: "str | os.PathLike[str]", target: "str | os.PathLike[str]") -> None:
    """`os.replace`. Windows refuses it while anyone has either file open, such as a reader or a virus scanner: those
    are waited for, two seconds at most.
    """
    deadline = time.monotonic() + _REPLACE_WITHIN_S if sys.platform == "win32" else 0.0
    while True:
        try:
            os.replace(source, target)
        except PermissionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def sync_folder(folder: "str | os.PathLike[str]") -> None:
    """Make names that were just given or taken away in `folder` survive a power cut."""
    if sys.platform != "win32":  # which keeps names durable by itself, and opens no folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def reader_left(error: BaseException, platform: str = sys.platform) -> bool:
    """Whether what was written to is a pipe that nobody reads any more; Windows calls that an invalid argument."""
    if platform == "win32" and isinstance(error, OSError) and error.errno == errno.EINVAL:
        return error.filename is None
    return isinstance(error, BrokenPipeError)


def says_full(message: str) -> bool:
    """Whether a library that was refused room on the disk quotes the system so."""
    return any(words in message for words in (*_FULL, *_words_of_windows(_FULL_NUMBERS)))


def says_held(message: str) -> bool:
    """Whether it quotes the system so that another process has a file open."""
    return any(words in message for words in (*_HELD, *_words_of_windows(_HELD_NUMBERS)))


def _words_of_windows(numbers: tuple[int, ...]) -> list[str]:
    if sys.platform == "win32":
        import ctypes  # only after a failure

        return [ctypes.FormatError(number).strip().rstrip(".") for number in numbers]
    else:  # noqa: RET505
        return []


def has_modes(platform: str = sys.platform) -> bool:
    """Whether modes say who may read a file. On Windows a person's folder is closed to others as a whole."""
    return platform != "win32"


def keep_private(file: int) -> None:
    """An open file that others may read, made its owner's alone."""
    if sys.platform != "win32" and os.fstat(file).st_mode & 0o077:
        os.fchmod(file, 0o600)


def user_id() -> int | None:
    """The number of this process's user; None where files have no owners that could be compared with it."""
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 - as mypy reads it, here and below
        return os.geteuid()


def give_to_owner_of(folder: "str | os.PathLike[str]", path: "str | os.PathLike[str]") -> None:
    """What root makes in the folder of a service is the service's, or the service could not read it."""
    if sys.platform != "win32" and os.geteuid() == 0:
        owner = os.stat(folder)
        os.chown(path, owner.st_uid, owner.st_gid)


def true_path(path: str) -> str:
    """Where it is without links, in the spelling of the disk where that knows no difference between A and a."""
    real = os.path.realpath(path)  # on Windows, this is that spelling
    if sys.platform == "darwin":
        try:
            handle = os.open(real, os.O_RDONLY)
        except OSError:
            return real
        try:
            real = os.fsdecode(fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")) or real
        except OSError:
            pass
        finally:
            os.close(handle)
    return real


def home(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The folder of this person. On Windows HOME is what Git Bash alone sets, and may be elsewhere."""
    names = ("USERPROFILE", "HOME") if platform == "win32" else ("HOME",)
    return next((environ[name] for name in names if environ.get(name)), "") or os.path.expanduser("~")


def settings_base(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Where programs keep what a person has set."""
    base = environ.get("XDG_CONFIG_HOME") or (environ.get("APPDATA") if platform == "win32" else None)
    return base or _paths(platform).join(home(environ, platform), ".config")


def cache_base(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Where programs keep what may be lost."""
    base = environ.get("XDG_CACHE_HOME") or (environ.get("LOCALAPPDATA") if platform == "win32" else None)
    return base or _paths(platform).join(home(environ, platform), ".cache")


def in_home(path: str, home: str, platform: str = sys.platform) -> str:
    """`path` with a `~` at its beginning replaced."""
    separators = "/\\" if platform == "win32" else "/"
    return home + path[1:] if path[:1] == "~" and (len(path) == 1 or path[1] in separators) else path


def git_settings_of_all(platform: str = sys.platform) -> tuple[str, ...]:
    """Git's settings for all users of this machine. On Windows, anyone may put a file where /etc would be."""
    return () if platform == "win32" else ("/etc/gitconfig",)


def host_name(environ: Mapping[str, str]) -> str:
    if sys.platform == "win32":
        return environ.get("COMPUTERNAME", "unknown")
    else:  # noqa: RET505
        return os.uname().nodename


def program(name: str, path: str | None, platform: str = sys.platform) -> str | None:
    """The program `name` in the folders of `path`, which is as PATH is; None if there is none.

    Windows itself, and `shutil.which` there, look in the current folder first: a repository could bring its own git.
    """
    if platform != "win32":
        import shutil  # 5 ms, and few look for a program

        return shutil.which(name, path=path)
    paths = _paths(platform)
    # No .bat and no .cmd: whoever starts them has a shell read the arguments.
    names = [name] if name.lower().endswith(".exe") else [f"{name}.exe", f"{name}.com"]
    folders = [folder.strip('"') for folder in (path or "").split(";")]
    places = (paths.join(folder, one) for folder in folders if paths.isabs(folder) for one in names)
    return next((place for place in places if os.path.isfile(place)), None)


def copies_programs(platform: str = sys.platform) -> bool:
    """Whether uv puts copies of a tool's programs on the PATH, and not links, which would lead to those beside them."""
    return platform == "win32"


def process_exists(pid: int) -> bool:
    """Also of another user's, and of one that is only just ending."""
    if pid <= 0:
        return False
    if sys.platform == "win32":  # where signal 0 would be a Ctrl-C
        try:
            handle = _winapi.OpenProcess(_winapi.SYNCHRONIZE, False, pid)
        except PermissionError:
            return True
        except (OSError, OverflowError):
            return False
        try:
            return _winapi.WaitForSingleObject(handle, 0) == _winapi.WAIT_TIMEOUT
        finally:
            _winapi.CloseHandle(handle)
    else:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except (PermissionError, OverflowError):
            return True
        return True


def end_command(pid: int, platform: str = sys.platform) -> str:
    """What a person types to end a process that does not answer."""
    return f"taskkill /F /PID {pid}" if platform == "win32" else f"kill {pid}"


def start_alone(
    command: list[str], *, folder: str | None = None, output: "IO[bytes] | None" = None
) -> "subprocess.Popen[bytes]":
    """Start a program that outlives us, our terminal and its Ctrl-C. Raises OSError."""
    import subprocess  # 10 ms, only where something is to be started

    flags = 0
    if sys.platform == "win32":
        # Not DETACHED_PROCESS: without a console of its own, each program that it starts would open a window.
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    said = subprocess.DEVNULL if output is None else output
    return subprocess.Popen(  # noqa: S603 - our own commands
        command,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        cwd=folder,
        start_new_session=True,
        creationflags=flags,
    )


def become(command: list[str]) -> int:
    """Let `command` take our place; its exit code where this process has to stay for it."""
    if sys.platform == "win32":  # its exec leaves the terminal to two programs
        import signal
        import subprocess

        child = subprocess.Popen(command)  # noqa: S603 - our own program, and what the caller typed
        signal.signal(signal.SIGINT, lambda *_: None)  # a Ctrl-C reaches both, and the child has to finish first
        return child.wait()
    else:  # noqa: RET505
        return os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def stop_signals() -> tuple[int, ...]:
    """What asks a process to end in order: SIGBREAK is a closed window, or Ctrl-Break."""
    import signal

    if sys.platform == "win32":
        return (signal.SIGTERM, signal.SIGINT, signal.SIGBREAK)
    else:  # noqa: RET505
        return (signal.SIGTERM, signal.SIGINT)


def claim(listener: "socket.socket") -> None:
    """Before it is bound: at once after a server has left, and never beside one that is there."""
    import socket

    if sys.platform == "win32":  # where SO_REUSEADDR lets two programs share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def hang_up(connection: "socket.socket") -> None:
    """End a connection from another thread than the one that waits for its answer, which goes on with an error."""
    import socket

    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not that of TLS, which would wait for the other side
    except OSError:
        pass  # it has ended by itself
    if sys.platform == "win32" and type(connection) is socket.socket:
        # Only its end wakes who waits for it there. TLS would read on under its number, which may soon be another's:
        # that waits until the server hangs up too.
        socket.SocketType.close(connection)


def notify(address: str, message: str) -> None:
    """A datagram to a socket of this machine, which service managers listen at; Windows has none. Raises OSError."""
    if sys.platform != "win32":
        import socket

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(message.encode(), address)


def trusts_by_itself(platform: str = sys.platform) -> bool:
    """Whether Python asks the system, not a file, which certificates to trust."""
    return platform == "win32"


def write_utf8() -> None:
    """Let standard output and error be UTF-8 where they go to a file or a program, whatever this machine's language.

    A console of Windows takes every character; what is redirected would be in a code page that lacks most.
    """
    if sys.platform == "win32":
        import io

        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
                stream.reconfigure(encoding="utf-8", newline="\n")


def _paths(platform: str) -> "ModuleType":
    """Paths as they are written there."""
    import ntpath
    import posixpath

    return ntpath if platform == "win32" else posixpath
