"""For long: schemathesis on every route, then broken messages on /mcp; each on a server of its own.

Run it with scripts/dev/fuzz. Ends with 1 at anything that was not as it should be, and prints how to have it again.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz import mcp, rest
from support.servers import running_server

KEY = "the key of the fuzzing"
MESSAGES_AN_EXAMPLE = 20
SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="of each operation (default: %(default)s)")
    parser.add_argument("--messages", type=int, help=f"to /mcp, by default {MESSAGES_AN_EXAMPLE} for each example")
    parser.add_argument("--seed", type=int, help="by default another one each time; it is printed")
    arguments = parser.parse_args()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    messages = arguments.messages or MESSAGES_AN_EXAMPLE * arguments.examples
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        right = _rest(Path(folder), arguments.examples, seed)
        right &= _mcp(Path(folder), messages, seed)
    return 0 if right else 1


def _rest(folder: Path, examples: int, seed: int) -> bool:
    with running_server(folder / "rest", api_key=KEY, env=rest.EVERYTHING_ON) as server:
        result = rest.fuzz(server, KEY, examples=examples, seed=seed, folder=folder)
        failures = _failures(server.log_text())
    print(f"REST: {result.operations} operations, {result.cases:,} requests", flush=True)
    if not result.passed:
        print(result.said)
    print(failures, end="")
    return result.passed and not failures


def _mcp(folder: Path, messages: int, seed: int) -> bool:
    with running_server(folder / "mcp", args=["--local"]) as server:
        fuzzed = mcp.fuzz(server, messages=messages, seed=seed)
        failures = _failures(server.log_text())
    print(f"MCP: {messages:,} messages: {fuzzed.summary()}", flush=True)
    print("".join(f"{complaint}\n" for complaint in fuzzed.complaints[:SHOWN]), failures, sep="", end="")
    return not fuzzed.complaints and not failures


def _failures(log: str) -> str:
    """What the server logged as its own failure, from the first one on."""
    found = log.find("Traceback")
    return "" if found < 0 else log[max(0, found - 500) : found + 5_000]


if __name__ == "__main__":
    sys.exit(main())
