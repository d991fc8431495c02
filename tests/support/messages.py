"""Every message that programs and scripts can show as an error, a warning or a notice, read from their source.

A message is a text that goes to one of the places that `_shown` lists, with `…` for what differs from time to time.
Left out, because no user meets their text: exceptions for programming errors (`_OURS_TO_MEND`), `log.info` and
`log.debug`, texts of a single word, SQL, and what a library says.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from support.source_texts import GAP, ROOT, Function, Programs, name_of, words

_OURS_TO_MEND = {"AssertionError", "RuntimeError", "TypeError", "ValueError", "ModuleNotFoundError", "ValidationError"}
_LOGS = {"log", "_log", "getLogger"}
_LOUD = {"warning", "error", "exception"}
_FINDINGS = {"note", "warning", "problem", "Left"}  # what it is about, what was found, the command that mends it
_CALLS = _FINDINGS | {
    "Flaw", "Outcome", "Verdict", "fault", "malformed", "refusal", "remark", "told", "write",
    "failed", "_fail", "_failed", "_in_trouble", "_log", "_logged", "_refused", "_say", "_sorry",
}  # fmt: skip
_EARS = {"stderr", "out", "self"}  # whose `write` or `note` reaches a person
_FIELDS = {"detail", "fault", "missing", "notice", "wrong"}
_KEPT = _FIELDS | {"if_damaged", "remarks"}
_FUNCTIONS_THAT_TELL = re.compile(
    r"__str__|_?why_\w+|_?(?:about_phrases|because|explain|fault|refusal|unknown_name)(?:_\w+)?"
)
_LEAST_WORDS = 2
_SQL = re.compile(r"\s*(?:SELECT|INSERT|COPY)\b")
_SCRIPTS = ("scripts/*.sh", "scripts/systemd/*", "docker/install-model")
_SUBSTITUTION = re.compile(r"\$\((?:[^()]|\([^()]*\))*\)|\$\{[^}]*\}|\$\w+|\$[@#?]")
_FAILING = re.compile(
    r"""\b(?:fail|misused|explained)\s+((?:"(?:[^"\\]|\\.)*"\s*)+)|\becho\s+"((?:[^"\\]|\\.)*)"\s*>&2"""
)


@dataclass(frozen=True, order=True)
class Message:
    text: str
    place: str


def of_programs() -> list[Message]:
    programs = Programs(sorted((ROOT / "packages").glob("*/src/**/*.py")), makers=_CALLS)
    found = set()
    for module in programs.modules:
        for shown in (shown for node in ast.walk(module.tree) for shown in _shown(node)):
            for text, place in programs.texts(shown, module):
                if words(text) >= _LEAST_WORDS and not _SQL.match(text):
                    found.add(Message(_tidy(text), place))
    return sorted(found)


def of_scripts() -> list[Message]:
    """What shell scripts print as errors: by `fail` and `misused`, or by `echo … >&2`."""
    found = set()
    for path in (path for pattern in _SCRIPTS for path in sorted(ROOT.glob(pattern))):
        text = _SUBSTITUTION.sub(GAP, path.read_text(encoding="utf-8").replace("\\\n", " "))
        for match in _FAILING.finditer(text):
            said = _tidy(re.sub(r'"\s*"', " ", (match[1] or match[2]).strip().strip('"')))
            if words(said) >= _LEAST_WORDS and "$*" not in said:  # which is how `fail` itself prints
                found.add(Message(said, path.relative_to(ROOT).as_posix()))
    return sorted(found)


def _shown(node: ast.AST) -> Iterator[ast.expr]:
    """What `node` shows to somebody, or keeps for that."""
    match node:
        case ast.Call(func=ast.Attribute(value=of)) if name_of(of) in _LOGS:
            yield from node.args[:1] if name_of(node.func) in _LOUD else []
        case ast.Call(func=ast.Attribute(attr="append" | "extend", value=of)) if name_of(of) in _KEPT:
            yield from node.args
        case ast.Call(func=ast.Attribute(attr="write" | "note", value=of)) if name_of(of) not in _EARS:
            pass
        case ast.Call(func=func, args=[_, what, *_]) if name_of(func) in _FINDINGS:
            yield what
        case ast.Call(func=func) if name_of(func) in _CALLS or _is_error(name_of(func)) or _is_to_stderr(node):
            yield from (*node.args, *(word.value for word in node.keywords))
        case ast.Call():
            yield from (word.value for word in node.keywords if word.arg in _FIELDS)
        case ast.Assign(targets=[target], value=value) if name_of(target) in _KEPT:
            yield value
        case ast.Assign(
            targets=[ast.Attribute(attr="why")], value=ast.JoinedStr() | ast.Constant() | ast.IfExp() as value
        ):
            yield value
        case ast.FunctionDef(returns=kind) if kind is not None and _is_error(name_of(kind)):
            yield from (arg for one in _returns(node) if isinstance(one, ast.Call) for arg in one.args)
        case ast.FunctionDef(name=name) if _FUNCTIONS_THAT_TELL.fullmatch(name):
            yield from _returns(node)


def _returns(function: Function) -> Iterator[ast.expr]:
    yield from (inner.value for inner in ast.walk(function) if isinstance(inner, ast.Return) and inner.value)


def _is_error(name: str) -> bool:
    return name.endswith("Error") and name not in _OURS_TO_MEND


def _is_to_stderr(call: ast.Call) -> bool:
    return name_of(call.func) == "print" and any(word.arg == "file" for word in call.keywords)


def _tidy(text: str) -> str:
    return re.sub(rf"{GAP}(?: ?{GAP})+", GAP, " ".join(text.replace("{why}", GAP).split()))
