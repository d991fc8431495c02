"""What a setup says: as data for programs, and line by line for people."""

import difflib
from collections.abc import Iterable, Sequence

from msgspec import Struct

from memory_cli.setup.agents import AGENTS
from memory_cli.setup.files import Change
from memory_cli.setup.importing import Trial
from memory_cli.setup.places import Machine
from memory_cli.setup.plan import Planned
from memory_core.counting import memories
from memory_core.types import ImportReport

_UNDO = "`claude-memory setup --undo` puts all files back as they were"


class Done(Struct, frozen=True, kw_only=True):
    """What became of one file."""

    path: str
    done: tuple[str, ...]


class Wired(Struct, frozen=True, kw_only=True):
    """`starts` is the command of the bridge in the agent's configuration."""

    agent: str
    files: tuple[Done, ...]
    starts: tuple[str, ...] = ()
    left_to_you: tuple[str, ...] = ()


class SetupReport(Struct, frozen=True, kw_only=True):
    """`tried` is what the server said to the bridge; `failed` is why it did not."""

    server: str
    agents: tuple[Wired, ...]
    changed: bool
    tried: str | None = None
    failed: str | None = None
    imported: ImportReport | None = None


def files_done(machine: Machine, files: Iterable[Planned]) -> tuple[Done, ...]:
    return tuple(Done(path=machine.shown(planned.change.path), done=planned.said) for planned in files)


def report_text(report: SetupReport) -> str:
    titles = {agent.name: agent.title for agent in AGENTS}
    lines = []
    for wired in report.agents:
        lines.append(titles[wired.agent])
        lines += [f"  {file.path}: {'; '.join(file.done) or 'nothing to change'}" for file in wired.files]
    if report.tried is not None:
        where = "this machine's own server" if report.server == "local" else report.server
        lines.append(f"Tried with {where}, as an agent does it: {report.tried}")
    if report.failed is not None:
        lines.append(f"It does not work yet: {report.failed}")
        lines.append("Run this again when it should, or take it out with `claude-memory setup --remove`")
    lines += [f"Left to you, {titles[wired.agent]}: {to_do}" for wired in report.agents for to_do in wired.left_to_you]
    return "\n".join([*lines, _UNDO] if report.changed else lines)


def trials_text(machine: Machine, trials: Sequence[Trial]) -> str:
    """What could be taken in, a line for each source that has anything new."""
    new = [trial for trial in trials if trial.new]
    here = sum(trial.here for trial in trials)
    if not new:
        return f"What Claude Code has kept on this machine is here already: {memories(here)}"
    lines = ["Claude Code has kept on this machine:"]
    for trial in new:
        project = "all projects" if trial.project is None else f"project {trial.project}"
        lines.append(f"  {memories(trial.new)} for {project}: {trial.kind} in {machine.shown(trial.path)}")
    return "\n".join(lines)


def diff_text(machine: Machine, changes: Iterable[Change]) -> str:
    """As `diff -u` prints it; of a key, only that it is kept."""
    parts = []
    for change in changes:
        shown = machine.shown(change.path)
        if change.secret:
            parts.append(f"+++ {shown}\n+(a key, readable by you alone)")
            continue
        before, after = ((data or b"").decode("utf-8", "replace") for data in (change.before, change.after))
        names = ("/dev/null" if change.before is None else shown, shown if change.after is not None else "/dev/null")
        parts.append("\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), *names, n=2, lineterm="")))
    return "\n".join(part for part in parts if part) or "Nothing would change"
