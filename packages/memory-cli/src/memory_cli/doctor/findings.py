"""What was found, how bad it is, and the command that fixes it."""

import shlex
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from memory_cli.handover import Place
from memory_cli.render import one_line
from memory_core.diagnosis import Diagnosis, RepairReport


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"  # nothing to do
    WARNING = "warning"  # it works, and somebody should see to it
    PROBLEM = "problem"


class Finding(Struct, frozen=True, kw_only=True):
    """`fix` is the command for it; null where there is nothing to do, or no one command does it."""

    about: str
    level: Level
    what: str
    fix: str | None = None


class Examination(Struct, frozen=True, kw_only=True):
    """`mended` is what `--repair` did on this machine, `repair` what the server did."""

    findings: tuple[Finding, ...]
    mended: tuple[str, ...] = ()
    repair: RepairReport | None = None
    diagnosis: Diagnosis | None = None

    @property
    def problems(self) -> int:
        return sum(finding.level is Level.PROBLEM for finding in self.findings)


def ok(about: str, what: str) -> Finding:
    return Finding(about=about, level=Level.OK, what=what)


def note(about: str, what: str, fix: str | None = None) -> Finding:
    return Finding(about=about, level=Level.NOTE, what=what, fix=fix)


def warning(about: str, what: str, fix: str | None = None) -> Finding:
    return Finding(about=about, level=Level.WARNING, what=what, fix=fix)


def problem(about: str, what: str, fix: str | None = None) -> Finding:
    return Finding(about=about, level=Level.PROBLEM, what=what, fix=fix)


def command(place: Place, *words: str) -> str:
    """`claude-memory` with the options before the command that this run was given, ready to be pasted."""
    options = [("--server", place.server), ("--data-dir", place.data_dir)]
    given = [word for name, value in options if value is not None for word in (name, value)]
    return shlex.join(["claude-memory", *given, *words])


def shown(findings: Sequence[Finding]) -> str:
    """A line each, and a line with the command that fixes it."""
    width = max(len(finding.about) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.level.value:<7}  {finding.about:<{width}}  {one_line(finding.what)}")
        if finding.fix is not None:
            lines.append(f"{'':<7}  {'':<{width}}  fix: {one_line(finding.fix)}")
    return "\n".join(lines)
