"""The command `doctor`: everything that a working installation needs, looked at in one go."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

from memory_cli.doctor import here, judging, reaching, refusals, timing, waiting
from memory_cli.doctor.findings import Examination, Finding, Level, command, note, ok, problem, shown, warning
from memory_cli.options import Here, flag
from memory_cli.session import Session
from memory_client.sdk import MemoryClient
from memory_core.counting import counted
from memory_core.diagnosis import Diagnosis, RepairReport
from memory_core.errors import ForbiddenError, MemoryServiceError, UnauthorizedError, UnavailableError

EXIT_PROBLEM = 1


async def doctor(
    *,
    repair: Annotated[bool, flag("Put in order what can be without losing anything; a backup is made first.")] = False,
    quick: Annotated[bool, flag("Do not read the whole store.")] = False,
    session: Here,
) -> int:
    """Look whether everything works: server, key, versions, clocks, project, model, disk, backups, integrity.

    Each finding has the command that fixes it. Ends with 1 if there is a problem.
    """
    found = await Examiner(session, repair=repair, quick=quick).examined()
    if session.out.as_json:
        session.out.json(found)
    else:
        _say(session, found)
    return EXIT_PROBLEM if found.problems else 0


class Examiner:
    """One run. What was found so far is in `findings`; `mended` and `report` are what was repaired."""

    def __init__(self, session: Session, *, repair: bool, quick: bool) -> None:
        self._session = session
        self._repair = repair
        self._quick = quick
        self._command = partial(command, session.place)
        self._findings: list[Finding] = []
        self._mended: list[str] = []
        self._report: RepairReport | None = None
        self._diagnosis: Diagnosis | None = None

    async def examined(self) -> Examination:
        target = self._session.target
        reached = await asyncio.to_thread(reaching.reach, target, self._session.place)
        self._findings += reached.findings
        if reached.url is not None:
            # `keeping`: else what waits for the server would be delivered before anyone has looked.
            async with self._session.memories(running=reached.running, keeping=True) as memories:
                await self._server(memories, reached.url)
        self._findings += await asyncio.to_thread(self._this_machine, is_there=reached.url is not None)
        return Examination(
            findings=tuple(self._findings),
            mended=tuple(self._mended),
            repair=self._report,
            diagnosis=self._diagnosis,
        )

    async def _server(self, memories: MemoryClient, url: str) -> None:
        target, environ = self._session.target, self._session.environ
        try:
            self._diagnosis = await memories.doctor.diagnose()
        except UnauthorizedError as error:
            self._findings.append(reaching.refused_key(target, str(error)))
            return
        except ForbiddenError:
            self._findings.append(await self._key(memories, url))
            self._findings.append(note("store", "only an admin key is told of its state"))
        except MemoryServiceError as error:
            self._findings.append(problem("store", f"the server cannot tell its state: {error}", self._restoring()))
        else:
            self._findings.append(await self._key(memories, url))
        self._findings.append(await asyncio.to_thread(timing.hooks, target, url, environ))
        if self._diagnosis is not None:
            if self._repair:
                self._diagnosis = await self._repaired(memories, self._diagnosis)
            self._findings += judging.judged(self._diagnosis, self._command)
            if not self._quick:
                await self._integrity(memories, self._diagnosis)

    async def _key(self, memories: MemoryClient, url: str) -> Finding:
        target = self._session.target
        if target.url is not None:
            try:
                own = await memories.keys.own()
            except UnavailableError:
                own = None  # a server that is too old to say
            if own is not None and own.name is not None:
                return judging.key(own, target.client_id, self._command)
        return await asyncio.to_thread(reaching.key, target, url, self._session.environ)

    async def _repaired(self, memories: MemoryClient, before: Diagnosis) -> Diagnosis:
        try:
            self._report = await memories.doctor.repair()
            return await memories.doctor.diagnose()
        except MemoryServiceError as error:
            self._findings.append(problem("repair", f"the server repaired nothing: {error}"))
            return before

    async def _integrity(self, memories: MemoryClient, known: Diagnosis) -> None:
        try:
            looked = await memories.doctor.diagnose(integrity=True)
        except MemoryServiceError as error:
            self._findings.append(problem("integrity", str(error), self._restoring()))
            return
        if looked.flaws is not None:
            self._findings += judging.integrity(known, looked.flaws, self._command, self._restoring())
        if looked.secrets is not None:
            self._findings.append(judging.secrets(looked.secrets))

    def _restoring(self) -> str | None:
        """The command that puts the newest good backup in the place of the store."""
        is_local = self._session.target.url is None
        name = judging.newest_good(None if self._diagnosis is None else self._diagnosis.backups)
        if name is None and is_local:
            name = refusals.newest_backup(self._session.target.data_dir)
        return refusals.restore(self._session.place, name, is_local=is_local)

    def _this_machine(self, *, is_there: bool) -> list[Finding]:
        if self._repair and is_there:
            self._mended += waiting.delivered(self._session)
        found = [_project(self._session), *waiting.outbox(self._session)]
        if self._session.target.url is not None:
            return found
        data_dir = Path(self._session.target.data_dir)
        if self._repair:
            self._mended += here.close_to_others(data_dir)
        found += here.folder(data_dir)
        if not is_there:
            found += here.left_behind(data_dir)
        return found


def _project(session: Session) -> Finding:
    verdict = session.verdict
    for remark in verdict.remarks:
        return warning("project", remark, "claude-memory project explain")
    if verdict.project is None:
        return note("project", "none here: not in a git repository", "export MEMORY_PROJECT=NAME")
    return ok("project", f"{verdict.project.id}: {verdict.project.why}")


def _say(session: Session, found: Examination) -> None:
    done = [*found.mended, *(found.repair.done if found.repair else ())]
    if found.repair is not None and found.repair.backup is not None:
        session.out.say(f"Made backup {found.repair.backup} first")
    for sentence in done:
        session.out.say(f"Repaired: {sentence}")
    session.out.say(shown(found.findings))
    counts = [(found.problems, "problem"), (sum(f.level is Level.WARNING for f in found.findings), "warning")]
    said = [counted(count, name) for count, name in counts if count]
    session.out.say(f"\n{', '.join(said) or 'Everything works'}")
