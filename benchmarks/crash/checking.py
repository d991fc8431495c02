"""Whether a server that was started again has what was acknowledged, and says the same by every way of asking."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.crash.ledger import Ledger, State, marker_of, version_of
from benchmarks.crash.server import Server
from benchmarks.crash.wire import Wire

_SETTLE_S = 300.0


def check(server: Server, ledgers: Sequence[Ledger], *, sample: int, seed: str) -> list[str]:
    """What is wrong, one sentence each. What was not answered is settled in the ledgers by what is there."""
    live, trashed = listed(server, trashed=False), listed(server, trashed=True)
    complaints = none_twice([*live, *trashed])
    there = {marker_of(memory["content"]): memory for memory in (*live, *trashed)}
    complaints += as_acknowledged(there, ledgers)
    complaints += stats_agree(server, live, trashed)
    complaints += index_agrees(server, ledgers, there, sample=sample, seed=seed)
    return complaints


def listed(server: Server, *, trashed: bool) -> list[dict[str, Any]]:
    """Every memory, page by page."""
    memories: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = server.get(f"/memories?global_search=true&limit=200&trashed={str(trashed).lower()}{cursor}")
        memories += page["memories"]
        if page["next_cursor"] is None:
            return memories
        cursor = f"&cursor={page['next_cursor']}"


def none_twice(memories: Sequence[dict[str, Any]]) -> list[str]:
    ids = Counter(memory["id"] for memory in memories)
    markers = Counter(marker_of(memory["content"]) for memory in memories)
    return [f"{name} is there {count} times" for name, count in (ids + markers).items() if count > 1]


def as_acknowledged(there: dict[str, dict[str, Any]], ledgers: Sequence[Ledger]) -> list[str]:
    complaints = []
    known = {marker for ledger in ledgers for marker in (*ledger.kept, *ledger.unsure)}
    complaints += [f"{marker} was never written by anyone" for marker in there.keys() - known]
    for ledger in ledgers:
        for marker in list({**ledger.kept, **ledger.unsure}):
            memory = there.get(marker)
            state = None if memory is None else state_of(memory)
            possible = ledger.possible(marker)
            if state not in possible:
                complaints.append(f"{marker} is {state}, and not one of {possible}")
            if marker in ledger.unsure:
                ledger.settle(marker, None if memory is None else memory["id"], state)
    return complaints


def state_of(memory: dict[str, Any]) -> State:
    return State(content=memory["content"], tags=tuple(memory["tags"]), trashed=memory["deleted_at"] is not None)


def stats_agree(server: Server, live: Sequence[object], trashed: Sequence[object]) -> list[str]:
    stats = server.get("/stats")
    counted = stats["total_memories"], stats["in_trash"], sum(stats["by_type"].values())
    listed_ = len(live), len(trashed), len(live)
    return (
        [] if counted == listed_ else [f"stats count {counted}, the list has {listed_} (live, in the trash, by type)"]
    )


def index_agrees(
    server: Server, ledgers: Sequence[Ledger], there: dict[str, dict[str, Any]], *, sample: int, seed: str
) -> list[str]:
    """By keyword each memory is found under its own words, and nothing under the words of the past or of the trash."""
    complaints = []
    wire = Wire(server.port)
    for ledger in ledgers:
        others = [marker for marker in ledger.kept if marker not in ledger.touched]
        chosen = sorted(ledger.touched & ledger.kept.keys())
        chosen += random.Random(seed).sample(others, min(sample, len(others)))
        for marker in chosen:
            known = ledger.kept[marker]
            expected = [] if known.state.trashed or marker not in there else [there[marker]["id"]]
            words = {marker: expected, version_of(known.state): expected}
            words |= {word: [] for word in known.history[-2:]}
            found = {word: found_by(wire, word) for word in words}
            complaints += [
                f"the word {word} of {marker} finds {found[word]} instead of {expected}"
                for word, expected in words.items()
                if found[word] != expected
            ]
    wire.close()
    return complaints


def found_by(wire: Wire, word: str) -> list[str]:
    body = {"query": word, "search_mode": "keyword", "global_search": True}
    return [hit["id"] for hit in wire.rest("POST", "/memories/search", body)["results"]]


def settled(server: Server) -> list[str]:
    """Waits until every memory has its vectors, and says what is wrong with the count of them."""
    deadline = time.monotonic() + _SETTLE_S
    while True:
        stats = server.get("/stats")
        embedding = stats["embedding"]
        if embedding["state"] == "off":
            return []
        if embedding["state"] == "ready" and not embedding["pending"]:
            break
        if time.monotonic() > deadline or embedding["failed"] or embedding["state"] == "unavailable":
            return [f"embedding does not come to its end: {embedding}"]
        time.sleep(0.1)
    stats = server.get("/stats")
    have, total = stats["memories_with_embeddings"], stats["total_memories"]
    return [] if have == total else [f"nothing is pending, but {have} of {total} memories have vectors"]
