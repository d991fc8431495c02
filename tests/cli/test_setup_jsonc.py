"""Edits of JSON with comments: laws over any document, and what a person would see."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_cli.setup import jsonc
from memory_cli.setup.faults import FaultError, ShapeError
from memory_cli.setup.jsonc_parser import parse

ENTRY = {"command": "/bin/memory-client", "args": ["hook"], "on": True}
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([1.5, "", "ü // no comment", 'q"\\', "}"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)
COMMENTS = st.sampled_from(["/* c */", "/* two\nlines */", "// to the end, }\n", "// windows\r\n"])
WHITE = st.sampled_from(["", " ", "\n", "\n  ", "\r\n\t", "\n\n"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[Any, str]:
    """An object, and a text that means it."""
    value = draw(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4))
    return value, gap(draw) + written(draw, value) + gap(draw)


def gap(draw: st.DrawFn) -> str:
    return "".join(draw(st.lists(WHITE | COMMENTS, max_size=3)))


def written(draw: st.DrawFn, value: Any) -> str:
    if not isinstance(value, dict | list):
        return jsonc.json.dumps(value, ensure_ascii=draw(st.booleans()))
    if not value:
        # White space alone between two brackets is what an edit does not keep.
        inside = gap(draw)
        inside = inside if inside.strip() else ""
    else:
        inside = ",".join(gap(draw) + one + gap(draw) for one in parts(draw, value))
        inside += f",{gap(draw)}" if draw(st.booleans()) else ""
    return f"{{{inside}}}" if isinstance(value, dict) else f"[{inside}]"


def parts(draw: st.DrawFn, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        yield from (written(draw, one) for one in value)
    else:
        for key, one in value.items():
            yield f'"{key}"{gap(draw)}:{gap(draw)}{written(draw, one)}'


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is something, the whole first."""
    yield path
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(one, (*path, key))


def of(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@given(documents())
def test_a_document_means_what_it_says(document: tuple[Any, str]) -> None:
    value, text = document

    assert parse(text).root.value == value


@given(documents())
def test_what_is_put_in_and_taken_out_leaves_the_same_text(document: tuple[Any, str]) -> None:
    value, text = document
    for path in places(value):
        expected = copy.deepcopy(value)
        if isinstance(held := of(expected, path), dict):
            held["new"] = ENTRY
            new = (*path, "new")
            edited = jsonc.put(text, new, ENTRY)
        elif isinstance(held, list):
            held.append(ENTRY)
            new = (*path, len(held) - 1)
            edited = jsonc.append(text, path, ENTRY)
        else:
            continue
        assert parse(edited).root.value == expected
        assert jsonc.take(edited, new) == text


@given(documents())
def test_what_is_taken_out_is_gone_and_nothing_else(document: tuple[Any, str]) -> None:
    value, text = document
    for path in list(places(value))[1:]:
        expected = copy.deepcopy(value)
        del of(expected, path[:-1])[path[-1]]

        taken = jsonc.take(text, path)

        assert parse(taken).root.value == expected
        stayed = [text[c.start : c.end].strip() for c in parse(text).comments if not inside(text, path, c.start)]
        assert [taken[c.start : c.end].strip() for c in parse(taken).comments] == stayed


@given(documents())
def test_what_is_put_in_place_of_something_changes_that_alone(document: tuple[Any, str]) -> None:
    value, text = document
    for path in list(places(value))[1:]:
        expected = copy.deepcopy(value)
        of(expected, path[:-1])[path[-1]] = ENTRY

        assert parse(jsonc.put(text, path, ENTRY)).root.value == expected


def inside(text: str, path: tuple[Any, ...], offset: int) -> bool:
    holder = parse(text).root
    for key in path[:-1]:
        child = holder.child(key)
        assert child is not None
        holder = child.node
    child = holder.child(path[-1])
    assert child is not None
    return child.start <= offset < child.end


def test_an_entry_looks_as_if_a_person_had_added_it() -> None:
    text = '{\r\n\t// servers\r\n\t"servers": {\r\n\t\t"git": {"command": "uvx"} // of git\r\n\t}\r\n}\r\n'

    edited = jsonc.put(text, ("servers", "memory"), {"command": "m"})

    assert edited == (
        '{\r\n\t// servers\r\n\t"servers": {\r\n\t\t"git": {"command": "uvx"}, // of git\r\n'
        '\t\t"memory": {\r\n\t\t\t"command": "m"\r\n\t\t}\r\n\t}\r\n}\r\n'
    )


def test_a_trailing_comma_stays_the_custom_of_the_place() -> None:
    assert jsonc.put('{\n  "a": 1,\n}', ("b",), 2) == '{\n  "a": 1,\n  "b": 2,\n}'


def test_a_document_on_one_line_stays_on_it() -> None:
    assert jsonc.put('{"a": 1}\n', ("b", "c"), {"d": []}) == '{"a": 1, "b": {"c": {"d": []}}}\n'


def test_what_is_on_the_way_is_made() -> None:
    assert jsonc.append("{}", ("hooks", "Stop"), 1) == '{\n  "hooks": {\n    "Stop": [\n      1\n    ]\n  }\n}'


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    assert jsonc.at('{"a": 1, "a": 2}', ("a",)) == 2
    assert jsonc.put('{"a": 1, "a": 2}', ("a",), 3) == '{"a": 1, "a": 3}'


def test_nothing_is_put_into_what_holds_nothing() -> None:
    with pytest.raises(ShapeError, match=r"a\.b is no object"):
        jsonc.put('{"a": {"b": []}}', ("a", "b", "c"), 1)
    with pytest.raises(ShapeError, match="a is no array"):
        jsonc.append('{"a": {}}', ("a",), 1)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1, column 1: a value is wanted here, and the file ends"),
        ('{"a": 1 "b": 2}', "line 1, column 9: a comma or } is wanted here, not '\"'"),
        ('{\n  "a": 1,\n  b: 2\n}', "line 3, column 3: a name in double quotes is wanted here, not 'b'"),
        ('{"a" 1}', "line 1, column 6: a colon is wanted here, not '1'"),
        ('{"a": 01}', "a comma or } is wanted here, not '1'"),
        ('{"a": nul}', "a value is wanted here, not 'n'"),
        ('{"a": "x\ny"}', "a value is wanted here"),
        ('{"a": 1', "and the file ends"),
        ("{,}", "a name in double quotes is wanted here, not ','"),
        ("[1,,2]", "a value is wanted here, not ','"),
        ("{} {}", "line 1, column 4: there is more after the end of the value"),
        ("{} /* ", "a comment is not closed"),
        ("[" * 300, "it is nested too deep"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, fault: str) -> None:
    with pytest.raises(FaultError) as error:
        parse(text)

    assert fault in str(error.value)
