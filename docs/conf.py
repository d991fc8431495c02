"""How Sphinx makes the site; `scripts/dev/docs` runs it.

The source folder is the whole repository, so that a link leads to the same file in the site as on a code host.
Pages are plain Markdown. The navigation is made of the lists in index.md; a page that they leave out fails the build.
"""

import re
import tomllib
from pathlib import Path

from pygments.lexers.shell import BashSessionLexer
from sphinx.application import Sphinx

_ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\[([^]]+)\]\(([^):#\s]+)\)")
_ENTRY = re.compile(r"^- \[([^]]+)\]\(([^)]+)\.md\)", re.MULTILINE)

project = "Claude Memory"
release = tomllib.loads((_ROOT / "packages/memory-core/pyproject.toml").read_text())["project"]["version"]
root_doc = "docs/index"
include_patterns = ["docs/*.md", "docs/reference/*.md", "*.md", ".github/*.md"]
extensions = ["myst_parser", "sphinx_copybutton"]

myst_heading_anchors = 4  # `page.md#a-heading`, named as code hosts name it
# An example of JSON that leaves something out with "…" is no JSON.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False

# What is copied from a session: its commands, without prompts and without what they print.
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"


def _navigation(_: Sphinx, page: str, source: list[str]) -> None:
    """Make of each list in index.md a table of contents for the side of every page."""
    if page == root_doc:
        for section in source[0].split("\n## ")[1:]:
            caption = section.splitlines()[0]
            pages = "\n".join(f"{title} <{name}>" for title, name in _ENTRY.findall(section))
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n"


def _folders(_: Sphinx, page: str, source: list[str]) -> None:
    """A code host shows a folder; a site has none to show, so that of a link to one only its text stays."""
    here = (_ROOT / page).parent
    source[0] = _LINK.sub(lambda link: link[1] if (here / link[2]).is_dir() else link[0], source[0])


class _Session(BashSessionLexer):
    """A command begins with "$ " and with nothing else: a line that is printed may begin with "#"."""

    _ps1rgx = re.compile(r"^(\$ )(.*\n?)")


def setup(app: Sphinx) -> None:
    app.connect("source-read", _folders)
    app.connect("source-read", _navigation)
    app.add_lexer("console", _Session)
