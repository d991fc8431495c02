"""Clients that write, each to memories of its own, through REST and through MCP, until the connection breaks."""

import random
import re
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.crash.ledger import Kept, Ledger, State, marker_of
from benchmarks.crash.wire import RefusedError, UnansweredError, Wire
from memory_core.engine.parquet import write_parquet
from memory_core.engine.ports import EmbeddedEntry
from memory_core.types import Memory, MemoryType

IMPORTED = 20
_LETTERS = "bcdfghjklmnpqrtvwxz"  # no vowel and no s: no stemmer makes two of these words one
_FILLER = ["we", "deploy", "on", "fridays", "after", "lunch", "naïve", "Straße", "記憶", "☃", "worker", "restarts"]
_KEPT_AS = re.compile(r"Kept as \[([0-9a-f]+)\]")


class Writer:
    """What it does follows from `seed`; how far it comes, from when the server dies. `run` is for a thread."""

    def __init__(self, seed: str, port: int, ledger: Ledger, began: threading.Event) -> None:
        self.complaints: list[str] = []
        self._seed = seed
        self._random = random.Random(seed)
        self._wire = Wire(port)
        self._ledger = ledger
        self._began = began

    def run(self) -> None:
        self._ledger.touched.clear()
        verbs: list[tuple[Callable[[], None], int]] = [
            (self._add, 6), (self._add_by_tool, 6), (self._update, 4), (self._update_by_tool, 4),
            (self._delete, 2), (self._delete_by_tool, 2), (self._restore, 3), (self._import, 1),
        ]  # fmt: skip
        try:
            while True:
                (verb,) = self._random.choices([verb for verb, _ in verbs], [weight for _, weight in verbs])
                verb()
                self._ledger.acknowledged += 1
                self._began.set()
        except UnansweredError:
            pass
        except RefusedError as error:
            self.complaints.append(f"writer {self._seed} was refused: {error}")
        except Exception as error:  # noqa: BLE001 - in a thread: it becomes a complaint of the round
            self.complaints.append(f"writer {self._seed} failed: {type(error).__name__}: {error}")
        finally:
            self._began.set()
            self._wire.close()

    def _add(self) -> None:
        state = self._new_state()
        self._expect(state)
        body = {"content": state.content, "tags": state.tags, "memory_type": "fact"}
        self._acknowledge(state, str(self._wire.rest("POST", "/memories", body)["id"]))

    def _add_by_tool(self) -> None:
        state = self._new_state()
        self._expect(state)
        said = self._wire.tool("memory_add", content=state.content, tags=state.tags)
        found = _KEPT_AS.search(said)
        assert found, said
        self._acknowledge(state, found[1])

    def _update(self) -> None:
        for known, state in self._changed():
            body = {"content": state.content, "tags": state.tags}
            self._wire.rest("PATCH", f"/memories/{known.memory_id}", body)

    def _update_by_tool(self) -> None:
        for known, state in self._changed():
            self._wire.tool("memory_update", memory_id=known.memory_id, content=state.content, tags=state.tags)

    def _delete(self) -> None:
        for known in self._moved(trashed=True):
            self._wire.rest("DELETE", f"/memories/{known.memory_id}")

    def _delete_by_tool(self) -> None:
        for known in self._moved(trashed=True):
            self._wire.tool("memory_delete", memory_id=known.memory_id)

    def _restore(self) -> None:
        for known in self._moved(trashed=False):
            self._wire.rest("POST", f"/memories/{known.memory_id}/restore")

    def _import(self) -> None:
        states = {uuid.UUID(int=self._random.getrandbits(128)).hex: self._new_state() for _ in range(IMPORTED)}
        for state in states.values():
            self._expect(state)
        self._wire.parquet("/import", _parquet(states))
        for memory_id, state in states.items():
            self._acknowledge(state, memory_id)

    def _changed(self) -> Iterator[tuple[Kept, State]]:
        """One memory and how it is to be; done when the caller has come to the end of its step."""
        known = self._one(trashed=False)
        if known is None:
            return
        marker = marker_of(known.state.content)
        content = f"{marker} {self._word()} {self._filler()}" if self._random.random() < 0.7 else known.state.content
        state = replace(known.state, content=content, tags=(self._word(), self._word()))
        self._expect(state)
        yield known, state
        self._acknowledge(state, known.memory_id)

    def _moved(self, *, trashed: bool) -> Iterator[Kept]:
        known = self._one(trashed=not trashed)
        if known is None:
            return
        state = replace(known.state, trashed=trashed)
        self._expect(state)
        yield known
        self._acknowledge(state, known.memory_id)

    def _one(self, *, trashed: bool) -> Kept | None:
        fitting = [known for known in self._ledger.kept.values() if known.state.trashed is trashed]
        return self._random.choice(fitting) if fitting else None

    def _expect(self, state: State) -> None:
        marker = marker_of(state.content)
        self._ledger.unsure[marker] = state
        self._ledger.touched.add(marker)

    def _acknowledge(self, state: State, memory_id: str) -> None:
        self._ledger.settle(marker_of(state.content), memory_id, state)

    def _new_state(self) -> State:
        return State(content=f"{self._word()} {self._word()} {self._filler()}", tags=(self._word(),))

    def _filler(self) -> str:
        count = self._random.choice([5, 10, 30, 30, 60, 400])
        return " ".join(self._random.choices(_FILLER, k=count))

    def _word(self) -> str:
        return "".join(self._random.choices(_LETTERS, k=12))


def _parquet(states: dict[str, State]) -> bytes:
    now = datetime.now(UTC)
    entries = [
        EmbeddedEntry(
            memory=Memory(
                id=memory_id,
                content=state.content,
                memory_type=MemoryType.FACT,
                tags=state.tags,
                source="import",
                project_id=None,
                client_id=None,
                session_id=None,
                certainty_score=0.7,
                quality_score=0.7,
                created_at=now,
                updated_at=now,
            ),
            model=None,
            vectors=None,
        )
        for memory_id, state in states.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "import.parquet"
        write_parquet(path, iter([entries]))
        return path.read_bytes()
