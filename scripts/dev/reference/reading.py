"""Which environment variables the code reads, found in its text: by their names, and by where they are read.

A test compares them with the options page. scripts/dev is left out: what developers set is in those scripts.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

_NAME = re.compile(
    r"\$?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?=$|/)"
)  # also as a path begins with it: $CODEX_HOME/config.toml
_READ = re.compile(r"\$\{?([A-Z][A-Z0-9_]+)|\bARG ([A-Z_]+)=|\{\$([A-Z_]+)\}")
_NO_VARIABLES = {
    "API_KEY", "CLIENT_ID", "SERVER_URL",  # behind CLAUDE_PLUGIN_OPTION_
    "CERTIFICATE_VERIFY_FAILED", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER",  # what OpenSSL calls its errors
    "MANAGED_BUFFER", "NAME_OR_PATH", "O_BINARY", "O_CLOEXEC", "O_NONBLOCK",
    "THE_KEY_OF_THE_SERVER",  # stands for a key in a command that doctor shows
    "GIT_ALLOW_PROTOCOL", "GIT_NO_LAZY_FETCH",  # what git is started with
    "BASH_SOURCE", "SECONDS", "PWD",  # the shell's own
}  # fmt: skip


def variables() -> dict[str, str]:
    """Variable → a file that reads it, relative to the root."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / "packages").rglob("*.py")):
        found |= dict.fromkeys(in_python(file.read_text(encoding="utf-8")), file.relative_to(ROOT).as_posix())
    for file in _scripts():
        found |= dict.fromkeys(in_shell(file.read_text(encoding="utf-8")), file.relative_to(ROOT).as_posix())
    return {name: file for name, file in found.items() if name not in _NO_VARIABLES}


def in_python(source: str) -> Iterator[str]:
    """Texts that look like a variable, and whatever is asked of an environment by name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (named := _NAME.match(node.value)):
            yield named[1]
        elif (asked := _asked(node)) is not None:
            yield asked


def _asked(node: ast.AST) -> str | None:
    """`environ.get("HOME")`, `environ["HOME"]`."""
    key: ast.expr | None = None
    holder: ast.expr | None = None
    if isinstance(node, ast.Subscript):
        holder, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        holder, key = node.func.value, node.args[0]
    is_environment = holder is not None and ast.unparse(holder).endswith("environ")
    return key.value if is_environment and isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def in_shell(source: str) -> Iterator[str]:
    """Scripts name their own variables in lower case. Files of Compose, Docker and Caddy have the same form."""
    for line in source.splitlines():
        if not line.lstrip().startswith("#"):
            for found in _READ.finditer(line):
                yield next(filter(None, found.groups()))


def _scripts() -> list[Path]:
    folders = (ROOT / "scripts", ROOT / "scripts/systemd", ROOT / "docker")
    files = sorted(file for folder in folders for file in folder.iterdir() if file.is_file())
    return [file for file in files if not file.name.endswith(".md")]
