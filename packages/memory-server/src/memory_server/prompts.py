"""The prompts of the MCP endpoint: what a person picks by name, and the text that the model gets for it."""

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from memory_core.errors import InvalidError
from memory_core.visible import one_line, visible
from memory_server.arguments import SearchArguments
from memory_server.auth import Caller
from memory_server.desk import Desk
from memory_server.tools import search


class Prompt(Struct, frozen=True, kw_only=True):
    """It takes one argument, `takes`, and needs a key that may read."""

    name: str
    description: str
    takes: str
    takes_what: str
    run: Callable[[Desk, str, Caller], Awaitable[str]]

    def argument(self, given: Mapping[str, str]) -> str:
        """Raises InvalidError."""
        for name in given:
            if name != self.takes:
                raise InvalidError(f"{name[:60]!r} is not an argument of the prompt {self.name}; it takes {self.takes}")
        if not given.get(self.takes, "").strip():
            raise InvalidError(f"{self.takes} is missing; the prompt {self.name} takes it: {self.takes_what}")
        return given[self.takes].strip()


async def recall(desk: Desk, query: str, caller: Caller) -> str:
    found = await search(desk, SearchArguments(query=query), caller)
    return f"What memory has on “{one_line(query)}”:\n\n{found}"


async def remember(_: Desk, text: str, __: Caller) -> str:
    return (
        "Keep this with memory_add, as one self-contained statement of the type that fits, with its reason where I "
        f"give one. If memory_search finds it already, correct that with memory_update instead.\n\n{visible(text)}"
    )


PROMPTS = (
    Prompt(
        name="remember",
        description="Keep something for later sessions",
        takes="text",
        takes_what="what to keep",
        run=remember,
    ),
    Prompt(
        name="recall",
        description="What was kept about something",
        takes="query",
        takes_what="what to look for",
        run=recall,
    ),
)
