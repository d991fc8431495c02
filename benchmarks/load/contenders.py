"""This server and the founding document's design, each a process on the same memories, vectors and model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from benchmarks.latency.server import KEY, Server
from benchmarks.load import founding
from benchmarks.load.clients import Outcome, Plan, run
from benchmarks.load.mix import PROJECTS
from benchmarks.plain import PlainMemories
from benchmarks.synthetic import Corpus, corpus
from memory_core.engine.embedders.onnx import load_embedder
from memory_core.engine.parquet import write_parquet
from memory_core.engine.ports import EmbeddedEntry, EmbedderOptions, ModelIdentity
from memory_core.types import Memory

THIS, FOUNDING = "this server", "founding design"
_PROGRAMS = {THIS: "memory_server", FOUNDING: "benchmarks.load.founding"}
_ASKED = 10_000  # texts and questions that are each used once before the first is used again
_BATCH = 5_000


@dataclass
class Load:
    """What one run with so many clients did, and what the server took meanwhile."""

    outcome: Outcome
    rss_peak_mb: float
    rss_end_mb: float
    cpu_s: float


@dataclass
class Ground:
    """A folder with models and words that all contenders share, and memories to begin with."""

    folder: Path
    data: Corpus
    model: ModelIdentity

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def words(self) -> Path:
        return self.folder / "words.json"

    @property
    def preloaded(self) -> list[Memory]:
        return self.data.memories[: len(self.data.memories) - _ASKED]


def ground(folder: Path, memories: int) -> Ground:
    data = corpus(memories + _ASKED, questions=_ASKED)
    options = EmbedderOptions(cache_dir=folder / "models", download=False, threads=1)
    embedder = load_embedder("all-MiniLM-L6-v2", options)
    made = Ground(folder, data, embedder.model)
    embedder.close()
    texts = [memory.content for memory in data.memories[memories:]]
    words = {"texts": texts, "questions": [question.text for question in data.questions]}
    made.words.write_text(json.dumps(words), encoding="utf-8")
    return made


@dataclass
class Contender:
    """`kept` has every acknowledged id since the start, with the number of its text."""

    name: str
    ground: Ground
    server: Server
    kept: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    used: int = 0

    def run(self, *, seconds: float, clients: int, seed: int) -> Load:
        self.server.forget_peak()
        cpu = self.server.cpu_s()
        outcome = self._carried_out(seconds=seconds, clients=clients, seed=seed, after=self.used)
        self.used += outcome.used
        self.kept |= outcome.kept
        return Load(outcome, self.server.rss_mb("VmHWM"), self.server.rss_mb(), self.server.cpu_s() - cpu)

    def read_back(self) -> int:
        """How many acknowledged memories were read, each as it was written; what is not there is an error."""
        return len(self._carried_out(read_back=self.kept).kept) if self.kept else 0

    def kill_and_start(self) -> None:
        self.server.kill()
        self.server = _started(self.name, self.ground)

    def _carried_out(self, **what: float | Mapping[str, int]) -> Outcome:
        plan = Plan(port=self.server.port, key=KEY, words=str(self.ground.words), **what)  # type: ignore[arg-type]
        outcome = run(plan)
        self.errors += outcome.errors
        return outcome


def contender(name: str, ground: Ground) -> Contender:
    """Started, filled, and with nothing left to embed."""
    if name == FOUNDING:
        _fill_founding(ground)
    server = _started(name, ground)
    try:
        if name == THIS:
            _fill(server, ground)
        server.settle()
    except BaseException:
        server.close()  # nobody else knows of it yet
        raise
    return Contender(name, ground, server)


def _started(name: str, ground: Ground) -> Server:
    return Server(_data_dir(name, ground), ground.models, program=_PROGRAMS[name])


def _data_dir(name: str, ground: Ground) -> Path:
    return ground.folder / name.replace(" ", "-")


def _fill(server: Server, ground: Ground) -> None:
    entries = [
        EmbeddedEntry(memory=memory, model=ground.model, vectors=vector[np.newaxis])
        for memory, vector in zip(_in_few_projects(ground), ground.data.vectors, strict=False)
    ]
    path = ground.folder / "import.parquet"
    with server.connected() as client:
        for start in range(0, len(entries), _BATCH):
            write_parquet(path, iter([entries[start : start + _BATCH]]))
            client.post_parquet("/import", path.read_bytes())
            path.unlink()


def _fill_founding(ground: Ground) -> None:
    folder = _data_dir(FOUNDING, ground)
    folder.mkdir()
    plain = PlainMemories(folder / founding.FILE, threads=2)
    memories = _in_few_projects(ground)
    for start in range(0, len(memories), _BATCH):
        part = memories[start : start + _BATCH]
        plain.insert(part, ground.data.vectors[start : start + len(part)])
    plain.checkpoint()
    plain.close()


def _in_few_projects(ground: Ground) -> list[Memory]:
    """Those that are asked about."""
    return [replace(memory, project_id=f"project-{place % PROJECTS}") for place, memory in enumerate(ground.preloaded)]
