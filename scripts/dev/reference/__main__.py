"""The reference pages of the docs, made from the code.

    uv run python -m scripts.dev.reference            write docs/reference/*.md
    uv run python -m scripts.dev.reference --check    say whether they are what the code says today

Run it after a change to an option, a command, a route, a tool or their help; a test fails until then.
"""

import sys
from pathlib import Path

from scripts.dev.reference.pages import PAGES

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "reference"
COMMAND = "uv run python -m scripts.dev.reference"


def main(arguments: list[str]) -> int:
    made = {FOLDER / name: page() for name, page in PAGES.items()}
    stale = [file for file, text in made.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if arguments == ["--check"]:
        for file in stale:
            print(f"docs/reference/{file.name} is not what the code says; run: {COMMAND}", file=sys.stderr)
        return 1 if stale else 0
    if arguments:
        print(f"there is no {arguments[0]}; {COMMAND} takes --check or nothing", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    for file in stale:
        file.write_text(made[file], encoding="utf-8", newline="\n")
        print(f"wrote docs/reference/{file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
