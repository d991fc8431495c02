"""Settings are read, checked, shown and documented from one declaration."""

import argparse
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from memory_core.errors import InvalidError
from memory_core.settings import Option, add_flags, load_settings, redacted
from support.platforms import posix_only


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Example(Struct, frozen=True, kw_only=True):
    port: Annotated[int, Option("EXAMPLE_PORT", "port to listen on"), Meta(ge=0, le=65535)] = 8420
    ratio: Annotated[float, Option("EXAMPLE_RATIO", "a share of 100 %"), Meta(gt=0)] = 0.5
    quiet: Annotated[bool, Option("EXAMPLE_QUIET", "say less")] = False
    folder: Annotated[Path | None, Option("EXAMPLE_FOLDER", "where things lie")] = None
    names: Annotated[tuple[str, ...], Option("EXAMPLE_NAMES", "several, by comma")] = ()
    colour: Annotated[Colour, Option("EXAMPLE_COLOUR", "paint")] = Colour.RED
    key: Annotated[str | None, Option("EXAMPLE_KEY", "what opens the door", secret=True)] = None
    internal: int = 7


def test_without_an_environment_the_defaults_stand() -> None:
    assert load_settings(Example, {}) == Example()


def test_every_type_is_read_from_text() -> None:
    given = {
        "EXAMPLE_PORT": " 80 ",
        "EXAMPLE_RATIO": "0.25",
        "EXAMPLE_QUIET": "Yes",
        "EXAMPLE_FOLDER": "/srv/things",
        "EXAMPLE_NAMES": "a, b,,c",
        "EXAMPLE_COLOUR": "blue",
        "EXAMPLE_KEY": "open",
    }

    assert load_settings(Example, given) == Example(
        port=80,
        ratio=0.25,
        quiet=True,
        folder=Path("/srv/things"),
        names=("a", "b", "c"),
        colour=Colour.BLUE,
        key="open",
    )


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings(Example, {"EXAMPLE_PORT": "", "EXAMPLE_KEY": " "}) == Example()


def test_a_flag_wins_over_its_variable() -> None:
    assert load_settings(Example, {"EXAMPLE_PORT": "1"}, {"port": "2"}).port == 2
    assert load_settings(Example, {"EXAMPLE_PORT": "1"}, {"port": None}).port == 1


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("EXAMPLE_PORT", "abc", "EXAMPLE_PORT is 'abc'; it takes a whole number from 0 to 65535"),
        ("EXAMPLE_PORT", "70000", "EXAMPLE_PORT is '70000'; it takes a whole number from 0 to 65535"),
        ("EXAMPLE_RATIO", "many", "EXAMPLE_RATIO is 'many'; it takes a number above 0"),
        ("EXAMPLE_QUIET", "maybe", "EXAMPLE_QUIET is 'maybe'; it takes true or false"),
        ("EXAMPLE_COLOUR", "green", "EXAMPLE_COLOUR is 'green'; it takes one of red, blue"),
    ],
)
def test_a_wrong_value_is_refused_by_name_with_what_is_taken(variable: str, value: str, sentence: str) -> None:
    with pytest.raises(InvalidError) as refused:
        load_settings(Example, {variable: value})

    assert str(refused.value) == sentence


def test_a_wrong_flag_is_named_as_the_flag() -> None:
    with pytest.raises(InvalidError, match=r"^--port is 'x'"):
        load_settings(Example, {}, {"port": "x"})


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from the file\n", encoding="utf-8")

    assert load_settings(Example, {"EXAMPLE_KEY_FILE": str(file)}).key == "from the file"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="both EXAMPLE_KEY and EXAMPLE_KEY_FILE are set"):
        load_settings(Example, {"EXAMPLE_KEY": "a", "EXAMPLE_KEY_FILE": str(tmp_path / "key")})


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"EXAMPLE_KEY_FILE names .*missing, which cannot be read"):
        load_settings(Example, {"EXAMPLE_KEY_FILE": str(tmp_path / "missing")})


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file or directory"), (b"\xff\xfe", "it is not UTF-8 text")]
)
def test_why_a_secret_file_cannot_be_read_is_said_in_words(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(InvalidError) as refused:
        load_settings(Example, {"EXAMPLE_KEY_FILE": str(file)})

    assert str(refused.value) == f"EXAMPLE_KEY_FILE names {file}, which cannot be read: {why}"


@posix_only("any name stands for a folder of a user there")
def test_a_folder_of_a_user_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidError, match="EXAMPLE_FOLDER is '~nobody-of-that-name/x', and there is no such user"):
        load_settings(Example, {"EXAMPLE_FOLDER": "~nobody-of-that-name/x"})


def test_a_secret_can_be_a_systemd_credential_of_its_name(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert load_settings(Example, environ).key is None

    (tmp_path / "EXAMPLE_KEY").write_text("from systemd\n", encoding="utf-8")
    assert load_settings(Example, environ).key == "from systemd"

    with pytest.raises(InvalidError, match="both EXAMPLE_KEY_FILE and the credential EXAMPLE_KEY are set"):
        load_settings(Example, environ | {"EXAMPLE_KEY_FILE": str(tmp_path / "key")})


def test_a_secret_is_never_shown() -> None:
    shown = redacted(Example(key="very secret", names=("a", "b")))

    assert shown["EXAMPLE_KEY"] == "set"
    assert shown["EXAMPLE_NAMES"] == "a,b"
    assert "very secret" not in str(shown)
    assert redacted(Example())["EXAMPLE_KEY"] == ""


def test_flags_are_made_for_everything_but_secrets() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, Example)

    given = vars(parser.parse_args(["--port", "1", "--colour", "blue"]))

    assert given == {"port": "1", "colour": "blue", "ratio": None, "quiet": None, "folder": None, "names": None}
    assert "a share of 100 %" in parser.format_help()
