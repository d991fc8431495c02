"""One round: start, write, kill, start again, compare. The folder and the ledgers stay from round to round."""

import random
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.crash.checking import check, settled
from benchmarks.crash.ledger import Ledger
from benchmarks.crash.server import Server
from benchmarks.crash.writers import Writer

LONGEST_S = 2.0  # from the first acknowledgement to the kill
SAMPLE = 10  # memories of each client, besides those of this round, that are looked for by their words


@dataclass(frozen=True)
class Outcome:
    number: int
    acknowledged: int
    unanswered: int
    survived: int
    kept: int
    log_bytes: int
    start_s: float
    complaints: list[str]

    def line(self) -> str:
        said = (
            f"round {self.number}: {self.acknowledged} writes acknowledged, {self.unanswered} memories unanswered "
            f"({self.survived} of them are as asked), {self.kept} kept; log {self.log_bytes / 1e6:.1f} MB, "
            f"started again in {self.start_s:.1f} s"
        )
        return "\n".join([said, *(f"  WRONG: {complaint}" for complaint in self.complaints)])


class Rounds:
    def __init__(self, folder: Path, *, seed: int, writers: int, embedder: str, longest_s: float = LONGEST_S) -> None:
        self._folder = folder
        self._seed = seed
        self._embedder = embedder
        self._longest_s = longest_s
        self._ledgers = [Ledger() for _ in range(writers)]
        self._outcomes: list[Outcome] = []
        self._server = self._start()

    def run(self, number: int) -> Outcome:
        before = sum(ledger.acknowledged for ledger in self._ledgers)
        complaints = self._write_until_killed(number)
        log_bytes = sum(file.stat().st_size for file in self._folder.glob("data/*.wal"))
        unsure = [(ledger, marker, ledger.unsure[marker]) for ledger in self._ledgers for marker in ledger.unsure]
        self._server = self._start()
        complaints += check(self._server, self._ledgers, sample=SAMPLE, seed=f"{self._seed}/{number}")
        outcome = Outcome(
            number=number,
            acknowledged=sum(ledger.acknowledged for ledger in self._ledgers) - before,
            unanswered=len(unsure),
            survived=sum(ledger.possible(marker) == [asked] for ledger, marker, asked in unsure),
            kept=sum(len(ledger.kept) for ledger in self._ledgers),
            log_bytes=log_bytes,
            start_s=self._server.started_s,
            complaints=complaints,
        )
        self._outcomes.append(outcome)
        return outcome

    def finish(self) -> list[str]:
        """Once more after the embedding has come to its end and a stop in order, with every memory looked for."""
        complaints = settled(self._server)
        if (code := self._server.stop()) != 0:
            complaints.append(f"the server ended with {code} when it was asked to stop")
        self._server = self._start()
        complaints += check(self._server, self._ledgers, sample=1 << 30, seed=str(self._seed))
        complaints += settled(self._server)
        self._server.stop()
        return complaints

    def summary(self) -> str:
        acknowledged = sum(outcome.acknowledged for outcome in self._outcomes)
        unanswered = sum(outcome.unanswered for outcome in self._outcomes)
        starts = [outcome.start_s for outcome in self._outcomes]
        return (
            f"{len(self._outcomes)} kills: {acknowledged} writes acknowledged, none lost, none twice; of {unanswered} "
            f"memories unanswered {sum(outcome.survived for outcome in self._outcomes)} are as asked; "
            f"{self._outcomes[-1].kept} memories at the end; started again in {min(starts):.1f} to {max(starts):.1f} s"
        )

    def remove(self) -> None:
        shutil.rmtree(self._folder)

    def close(self) -> None:
        self._server.kill()

    def _write_until_killed(self, number: int) -> list[str]:
        began = threading.Event()
        writers = [
            Writer(f"{self._seed}/{number}/{place}", self._server.port, ledger, began)
            for place, ledger in enumerate(self._ledgers)
        ]
        threads = [threading.Thread(target=writer.run, daemon=True) for writer in writers]
        for thread in threads:
            thread.start()
        began.wait()
        time.sleep(random.Random(f"{self._seed}/{number}").uniform(0, self._longest_s))
        self._server.kill()
        for thread in threads:
            thread.join()
        return [complaint for writer in writers for complaint in writer.complaints]

    def _start(self) -> Server:
        data = self._folder / "data"
        return Server(data, embedder=self._embedder, models=self._folder / "models")
