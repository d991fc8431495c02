"""What the files for containers say of their variables: Compose's, with the words of .env.example, and the image's."""

import re
from dataclasses import replace
from pathlib import Path

from memory_client.environment import Variable
from scripts.dev.reference.elsewhere import IMAGE_ARGUMENTS

DOCKER = Path(__file__).resolve().parents[3] / "docker"

_USED = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::-(?P<default>[^}]*))?")
_SETTING = re.compile(r"#?(?P<name>[A-Z_]+)=")
_ARGUMENT = re.compile(r"^ARG (?P<name>[A-Z_]+)=(?P<default>.*)$", re.MULTILINE)
_ENVIRONMENT = re.compile(r"^ENV ((?:.*\\\n)*.*)$", re.MULTILINE)


def compose() -> list[Variable]:
    """What may stand in docker/.env for Compose itself, in the order of .env.example. Raises KeyError without help."""
    defaults: dict[str, str] = {}
    for file in sorted(DOCKER.glob("compose*.yaml")):
        text = file.read_text(encoding="utf-8")
        for used in _USED.finditer(text):
            is_volume = f"\n  {used['default']}:\n" in text  # of the file itself: nothing that could be set
            defaults[used["name"]] = defaults.get(used["name"]) or ("" if is_volume else used["default"] or "")
    explained = _explained()
    named = sorted(defaults, key=lambda name: list(explained).index(name) if name in explained else len(explained))
    return [Variable(name=name, help=explained[name], default=defaults[name]) for name in named]


def _explained() -> dict[str, str]:
    """Variable → the comment above it; several below one comment share it."""
    found: dict[str, str] = {}
    comment: list[str] = []
    is_over = False
    for line in (DOCKER / ".env.example").read_text(encoding="utf-8").splitlines():
        if setting := _SETTING.match(line):
            found[setting["name"]] = " ".join(comment)
            is_over = True
        elif line.startswith("# "):
            comment = [line[2:]] if is_over else [*comment, line[2:]]
            is_over = False
        else:
            comment = []
    return found


def image_arguments() -> list[Variable]:
    """Raises KeyError for one that nobody has described."""
    described = {one.name: one for one in IMAGE_ARGUMENTS}
    arguments = dict(_ARGUMENT.findall((DOCKER / "Dockerfile").read_text(encoding="utf-8")))
    return [replace(described[name], default=default) for name, default in arguments.items()]


def image_settings() -> dict[str, str]:
    """What the image sets of ours."""
    text = "\n".join(_ENVIRONMENT.findall((DOCKER / "Dockerfile").read_text(encoding="utf-8")))
    return dict(re.findall(r"(MEMORY_[A-Z_]+)=(\S+)", text))
