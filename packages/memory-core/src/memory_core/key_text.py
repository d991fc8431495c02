"""What a key looks like, so that whoever looks for leaked secrets knows one when it sees it. Standard library only.

`cmk_`, 43 characters that hold 256 random bits, and 6 that are the checksum of all before: a text that only looks like
a key, or was mistyped, can be told without asking a server.
"""

import re
import secrets
import shlex
import string
import zlib

PREFIX = "cmk_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_CHARS, _CHECK_CHARS = 43, 6  # 62**43 > 2**256, 62**6 > 2**32
PATTERN = re.compile(rf"(?<![0-9A-Za-z]){PREFIX}[0-9A-Za-z]{{{_RANDOM_CHARS + _CHECK_CHARS}}}(?![0-9A-Za-z])")
"""Where a key may stand in a text; `is_key` then says whether it is one."""


def new_key() -> str:
    body = PREFIX + _in_digits(secrets.randbits(256), _RANDOM_CHARS)
    return body + _checksum(body)


def is_key(text: str) -> bool:
    return PATTERN.fullmatch(text) is not None and _checksum(text[:-_CHECK_CHARS]) == text[-_CHECK_CHARS:]


def client_lines(url: str, key: str, client_id: str | None = None) -> str:
    """What to paste on the machine that uses the key: for a shell, for agents, and for Claude Code without a client.

    The second line asks for the key, which so stands in no history of a shell and in no agent's file.
    """
    settings = {"MEMORY_SERVER": url, "MEMORY_API_KEY": key}
    if client_id is not None:  # else the machine would name itself by its host name, and be refused
        settings["MEMORY_CLIENT_ID"] = client_id
    given = [shlex.quote(f"{name}={value}") for name, value in settings.items()]
    named = "" if client_id is None else f" --client-id {shlex.quote(client_id)}"
    header = shlex.quote(f"Authorization: Bearer {key}")
    return "\n".join(
        [
            f"export {' '.join(given)}",
            f"claude-memory setup claude-code --server {shlex.quote(url)}{named}",
            f"claude mcp add memory --scope user --transport http {shlex.quote(url + '/mcp')} --header {header}",
        ]
    )


def _checksum(body: str) -> str:
    return _in_digits(zlib.crc32(body.encode("ascii")), _CHECK_CHARS)


def _in_digits(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
