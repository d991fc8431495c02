"""A field's JSON schema in a reader's words: type, limits, default. Pure."""

from collections.abc import Callable
from typing import Any

from scripts.dev.reference.markdown import code

Schema = dict[str, Any]  # there is no narrower type for it
Linked = Callable[[str], str]  # the name of a schema, as a link to where it is described

_REF = "#/components/schemas/"


def kind(schema: Schema, linked: Linked = code) -> str:
    """`text or null`, `list of text`, or a link to the schema that it names."""
    if "$ref" in schema:
        return linked(schema["$ref"].removeprefix(_REF))
    if "enum" in schema:
        return ", ".join(code(str(value)) for value in schema["enum"])
    if "anyOf" in schema:
        parts = [kind(part, linked) for part in schema["anyOf"] if part.get("type") != "null"]
        nullable = any(part.get("type") == "null" for part in schema["anyOf"])
        return " or ".join([*parts, *(["null"] if nullable else [])])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}), linked)}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind(schema['additionalProperties'], linked)}"
    words = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false"}
    return words.get(str(schema.get("type")), str(schema.get("type", "anything")))


def limits(schema: Schema) -> str:
    """`1 to 200`, `at least 0`, `at most 4,000 characters`; empty without any."""
    found = []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        found.append(f"{low:,} to {high:,}")
    elif low is not None:
        found.append(f"at least {low:,}")
    elif high is not None:
        found.append(f"at most {high:,}")
    if "maxLength" in schema:
        found.append(f"at most {schema['maxLength']:,} characters")
    if "maxItems" in schema:
        found.append(f"at most {schema['maxItems']:,}")
    if "maxLength" in schema.get("items", {}):
        found.append(f"each of at most {schema['items']['maxLength']:,} characters")
    return ", ".join(found)


def default(schema: Schema) -> str:
    """As JSON has it; nothing for what is empty or null."""
    value = schema.get("default")
    if isinstance(value, bool):
        return code(str(value).lower())
    return "" if value is None or (not value and not isinstance(value, int | float)) else code(str(value))
