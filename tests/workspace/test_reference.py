"""The reference pages are what the code says, and leave out no variable that it reads."""

import sys

import pytest

from scripts.dev.reference import reading
from scripts.dev.reference.__main__ import COMMAND, FOLDER
from scripts.dev.reference.pages import PAGES


@pytest.mark.skipif(sys.platform == "win32", reason="the paths that are defaults are written as elsewhere")
@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_is_what_the_code_says_today(name: str) -> None:
    made, kept = PAGES[name](), (FOLDER / name).read_text(encoding="utf-8")

    assert made == kept, f"docs/reference/{name} is not what the code says; run: {COMMAND}"


def test_every_variable_that_the_code_reads_is_on_the_options_page() -> None:
    page = (FOLDER / "options.md").read_text(encoding="utf-8")

    missing = {name: file for name, file in reading.variables().items() if f"`{name}`" not in page}

    assert not missing, "describe them in memory_client/environment.py, or in scripts/dev/reference/elsewhere.py"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ('environ.get("HOME")', "HOME"),
        ('os.environ["PATH"]', "PATH"),
        ('SERVER = "MEMORY_SERVER"', "MEMORY_SERVER"),
        ('place("$CODEX_HOME/config.toml")', "CODEX_HOME"),
    ],
)
def test_a_variable_is_found_however_python_names_it(source: str, name: str) -> None:
    assert list(reading.in_python(source)) == [name]


def test_variables_of_scripts_and_container_files_are_found_and_comments_are_not() -> None:
    source = "# $MEMORY_OLD\nkeep=${MEMORY_BACKUP_COPIES:-30}\nARG TORCH=torch\n{$MEMORY_DOMAIN} {\n"

    assert list(reading.in_shell(source)) == ["MEMORY_BACKUP_COPIES", "TORCH", "MEMORY_DOMAIN"]
