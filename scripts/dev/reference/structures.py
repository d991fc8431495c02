"""The structures of REST, from the schemas of the OpenAPI document: each described once, and linked where it is meant."""

import typing
from datetime import datetime
from typing import Any

import msgspec

from scripts.dev.reference import markdown as md
from scripts.dev.reference import schemas

Json = dict[str, Any]  # there is no narrower type for it

_ABOUT = """\
Of what a request takes, all may be left out but what is required; where there is no default, that is as if it were not there.
An answer has all of its fields, null where there is nothing; only `why` of a [SearchHit](#searchhit) is left out unless it was asked for, and of a [Problem](#problem) what is null."""

_SHARED = ("Memory", "Scope", "Key")  # whose fields others have too


class Structures:
    """`asked` are those that requests take: only these have defaults, because answers have all of their fields."""

    def __init__(self, described: Json, asked: set[str]) -> None:
        self._schemas = described
        self._asked = asked

    def text(self, used: set[str]) -> str:
        """The section with all of them that `used` leads to."""
        return md.section("Structures", _ABOUT, *map(self._structure, self._reached(used)))

    def kind(self, schema: Json) -> str:
        return schemas.kind(schema, self.linked)

    def linked(self, name: str) -> str:
        """A link to where it is described; of an enumeration its values."""
        found = self._schemas[name]
        return ", ".join(map(md.code, found["enum"])) if "enum" in found else md.link(name, name)

    def _reached(self, used: set[str]) -> list[str]:
        """Those, what they refer to, and what they share fields with."""
        reached, new = set(used), set(used)
        while new:
            found = set().union(*(references(self._schemas[name]) for name in new))
            found |= {base for name in new if (base := self._base(name)) is not None}
            new = found - reached
            reached |= new
        return sorted(name for name in reached if "enum" not in self._schemas[name])

    def _base(self, name: str) -> str | None:
        """The shared structure whose fields this one has too, and more."""
        fields = set(self._schemas[name].get("properties", ()))
        return next(
            (base for base in _SHARED if base != name and set(self._schemas[base]["properties"]) < fields), None
        )

    def _structure(self, name: str) -> str:
        schema = self._schemas[name]
        base = self._base(name)
        left_out = self._schemas[base]["properties"] if base else {}
        own = {field: one for field, one in schema["properties"].items() if left_out.get(field) != one}
        times = _times(name, schema)
        rows = [self._field(name, field, one, times) for field, one in own.items()]
        shared = f"It has the fields of {md.link(base, base)}{', and these' if rows else ''}." if base else ""
        example = md.block(_json(schema["examples"][0]), "json") if schema.get("examples") else ""
        head = ("field", "type", "default", "what it is")
        return md.section(name, md.prose(schema.get("description", "")), shared, md.table(head, rows), example, level=3)

    def _field(self, structure: str, field: str, schema: Json, times: set[str]) -> tuple[str, ...]:
        """Answers have all of their fields, so that only requests have defaults."""
        required = field in self._schemas[structure].get("required", ())
        default = ("required" if required else schemas.default(schema)) if structure in self._asked else ""
        kind = self.kind(schema)
        return md.code(field), kind.replace("text", "time") if field in times else kind, default, meaning(schema)


def _times(name: str, schema: Json) -> set[str]:
    """The fields that are moments, of which JSON Schema says no more than that they are text."""
    for kind in _subclasses(msgspec.Struct):
        if kind.__name__ == name and list(kind.__struct_encode_fields__) == list(schema["properties"]):
            return {
                field
                for field, hint in typing.get_type_hints(kind).items()
                if datetime in (hint, *typing.get_args(hint))
            }
    return set()


def _subclasses(kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    return [found for child in kind.__subclasses__() for found in (child, *_subclasses(child))]


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"].rpartition("/")[2]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def meaning(schema: Json) -> str:
    """What it is, and what it may be."""
    said, limits = md.plain(schema.get("description", "")), schemas.limits(schema)
    sentences = (said, f"{limits[:1].upper()}{limits[1:]}")
    return " ".join(one if one.endswith(".") else f"{one}." for one in sentences if one)


def _json(value: Json) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
