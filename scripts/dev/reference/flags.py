"""Arguments and flags in one form, whichever library declares them; and those of a cyclopts command."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cyclopts import App

from scripts.dev.reference import markdown as md

_SEVERAL = "VAR_POSITIONAL"


@dataclass(frozen=True, kw_only=True)
class Flag:
    """`names` is one word in capitals for an argument. `of` is the parameter that gathers it with others."""

    names: tuple[str, ...]
    takes: str
    help: str
    default: str = ""
    of: str = ""
    is_required: bool = False
    is_several: bool = False
    variable: str = ""

    @property
    def is_argument(self) -> bool:
        return not self.names[0].startswith("-")


def of(app: App) -> list[Flag]:
    """Those of one command, without those of the commands around it."""
    found = []
    gathering: dict[str, str] = {}
    for argument in app.assemble_argument_collection():
        if argument.parameter.parse is False:
            continue
        if argument.children:
            gathering |= {child.name: argument.field_info.name for child in argument.children}
            continue
        if not argument.show:
            continue
        # Those that the parser makes by itself are off in the whole program, of which a single command knows nothing.
        made = () if argument.parameter.negative else {f"--no-{name.removeprefix('--')}" for name in argument.names}
        kind = argument.field_info.kind.name
        found.append(
            Flag(
                names=tuple(_named(name) for name in argument.names if name not in made),
                takes=_takes(argument.hint, argument.get_choices()),
                help=" ".join((argument.parameter.help or "").split()),
                default=_default(argument.field_info.default) if argument.parameter.show_default is not False else "",
                of=gathering.get(argument.name, "") if argument.keys else "",
                is_required=argument.required,
                is_several=kind == _SEVERAL,
            )
        )
    return found


def _named(name: str) -> str:
    return name if name.startswith("-") else name.upper()


def _takes(hint: Any, choices: Sequence[str] | None) -> str:  # Any: an annotation
    """Nothing for what takes no value."""
    if choices:
        return ", ".join(map(md.code, choices))
    parts = str(hint if not isinstance(hint, type) else hint.__name__)
    if parts.startswith("bool"):
        return ""
    words = {"int": "a whole number", "float": "a number", "Path": "a path", "tuple": "text, repeated"}
    return next((word for sign, word in words.items() if sign in parts), "text")


def _default(value: Any) -> str:  # Any: a default of any type
    if value is None or value is False or value == () or isinstance(value, type):  # a type: there is none
        return ""
    return str(value.value if isinstance(value, Enum) else value)


def usage(flags: Iterable[Flag]) -> list[str]:
    """What may stand behind the command: `CONTENT [FLAGS]`."""
    given = list(flags)
    words = [f"{one.names[0]}{' …' if one.is_several else ''}" for one in given if one.is_argument]
    words = [
        word if one.is_required else f"[{word}]"
        for word, one in zip(words, (one for one in given if one.is_argument), strict=True)
    ]
    needed = [f"{one.names[0]} …" for one in given if not one.is_argument and one.is_required]
    others = any(not one.is_argument and not one.is_required for one in given)
    return [*words, *needed, *(["[FLAGS]"] if others else [])]


def table(flags: Iterable[Flag]) -> str:
    """Arguments first."""
    rows = [
        (", ".join(map(md.code, one.names)), md.code(one.variable), one.takes, md.code(one.default), md.plain(one.help))
        for one in sorted(flags, key=lambda one: not one.is_argument)
    ]
    return md.table(("argument or flag", "variable", "takes", "default", "what it does"), rows)
