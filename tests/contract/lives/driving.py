"""How a change is made on both sides, the product and the dict, and what both are to say."""

import hashlib
import tempfile
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

from hypothesis.stateful import RuleBasedStateMachine
from msgspec import structs

from contract.lives.drawn import SECOND, START, Call
from memory_core.changes import By
from memory_core.errors import MemoryServiceError
from memory_core.memories import Memories
from memory_core.types import Memory
from support.lives import Lives
from support.services import Clock
from support.ways import Way

T = TypeVar("T")
LETTERS = "bkpqtvxz"  # no ending of a word that a stemmer would take off


class Said(NamedTuple):
    """A request that carried a key, and what it was answered."""

    say: Callable[[Memories, By], Awaitable[Any]]  # Any: the answer of whatever verb it is
    by: By
    answer: Any
    at: datetime


class Driven(RuleBasedStateMachine):
    """`kind` is the way to the product; `said` what requests with a key were answered."""

    kind: ClassVar[type[Way]] = Way

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.folders = 0
        self.clock = Clock()
        self.clock.now = START
        self.lives = Lives(START)
        self.said: list[Said] = []
        self.words = 0
        self.ids = 0
        self.way = self.open()

    def do(
        self,
        call: Call,
        say: Callable[[Memories, By], Awaitable[T]],
        agrees: Callable[[T, By], None],
        *,
        keeps_key: bool = True,
    ) -> T | None:
        """The answer; null where both refused alike. `agrees` does it to the dict and compares."""
        self.wait(call.pause)
        by = By(client_id=call.client, reason=call.reason, request=self._key() if call.keyed else None)
        plain = structs.replace(by, key=self.way.key, request=None)
        try:
            answer = self.way.run(self._awaited(say(self.way.memories, by)))
        except MemoryServiceError as refused:
            self._refuses_too(refused, agrees, plain)
            return None
        agrees(answer, plain)
        if call.keyed and keeps_key:
            self.said.append(Said(say, by, answer, self.lives.now))
        return answer

    @staticmethod
    def _refuses_too(refused: MemoryServiceError, agrees: Callable[[Any, By], None], by: By) -> None:
        try:
            agrees(_Nothing(), by)
        except type(refused):
            return
        except AttributeError:
            pass  # it went on to look at the answer
        raise AssertionError("refused, and should not be") from refused

    @staticmethod
    async def _awaited(work: Awaitable[T]) -> T:
        return await work

    def told(self, answer: Any) -> Any:
        """What of an answer is the same each time it is given."""
        return answer if self.way.tells_all or not isinstance(answer, Memory) else answer.id

    def wait(self, pause: timedelta) -> None:
        self.lives.now += pause
        self.clock.now = self.lives.now

    def fields_of(self, drawn: dict[str, Any]) -> dict[str, Any]:
        """Spans become moments, and a text gets a word of its own."""
        fields = dict(drawn)
        for name, field in (("end", "expires_at"), ("review", "review_by")):
            if name in fields:
                fields[field] = self.after(fields.pop(name))
        if "text" in fields:
            fields["content"] = f"{fields.pop('text')} {self.word()}".strip()
        return fields

    def after(self, time: timedelta | None) -> datetime | None:
        return None if time is None else self.lives.now + time

    def word(self) -> str:
        """Another one each time, of the same length."""
        self.words += 1
        return "x" + "".join(LETTERS[self.words // 8**place % 8] for place in range(4)) + "x"

    def _id(self) -> str:
        """The same in each run of the same steps."""
        self.ids += 1
        return hashlib.md5(str(self.ids).encode()).hexdigest()

    def _key(self) -> str:
        self.words += 1
        return f"request {self.words}"

    def batches(self) -> list[str]:
        """In an order that does not hang on their names."""
        batches = (one.batch_id for states in self.lives.states.values() for one in states)
        return list(dict.fromkeys(filter(None, batches)))

    def new_batch(self, *memory_ids: str | None) -> str | None:
        """The one that a change of these made just now."""
        known = self.batches()
        for memory_id in memory_ids:
            if memory_id is not None and memory_id:
                latest = self.way.run(self.way.memories.history(memory_id)).revisions[0]
                if latest.batch_id is not None and latest.batch_id not in known:
                    return latest.batch_id
        return None

    def whole(self, short: str) -> str:
        return next(memory_id for memory_id in self.lives.states if memory_id.startswith(short))

    def moment(self, which: int) -> datetime:
        """One at which something changed, or just after or before it."""
        moments = sorted({one.at for states in self.lives.states.values() for one in states}) or [START]
        return moments[which % len(moments)] + (which % 3 - 1) * SECOND / 2

    def open(self, *, anew: bool = True) -> Way:
        self.folders += anew
        return self.kind(self.path(f"store{self.folders}", fresh=False), self.clock, self._id)

    def path(self, name: str, *, fresh: bool = True) -> Path:
        self.words += fresh
        return Path(self.folder.name) / (f"{self.words}-{name}" if fresh else name)

    def teardown(self) -> None:
        self.way.close()
        self.folder.cleanup()


class _Nothing:
    """Stands for the answer where there was none: the plain side is to refuse before it would use it."""

    id = ""
    batch_id = ""
