"""Kill the server with SIGKILL at a random moment while clients write to it, start it again, and compare; many times.

    uv run python -m benchmarks.crash
    uv run python -m benchmarks.crash --rounds 200 --writers 8 --seed 7

Clients add, update, delete, restore and import through REST and MCP. After each kill a server on the same folder must
have every acknowledged write exactly as it was acknowledged, what was not answered wholly or not at all, and nothing
twice; keyword search, lists and counts must agree; and at last every memory must have its vectors. Ends with 1 at the
first round with a complaint, and leaves the folder for examination. The seed makes the clients do the same again; at
which of their steps the kill comes is chance.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.crash.rounds import Rounds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=None, help="by default another one each time; it is printed")
    parser.add_argument("--embedder", default="onnx:all-MiniLM-L6-v2", help="or none (default: %(default)s)")
    arguments = parser.parse_args()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    folder = Path(tempfile.mkdtemp(prefix="memory-crash-"))
    print(f"seed {seed}, folder {folder}", flush=True)
    rounds = Rounds(folder, seed=seed, writers=arguments.writers, embedder=arguments.embedder)
    for number in range(arguments.rounds):
        outcome = rounds.run(number)
        print(outcome.line(), flush=True)
        if outcome.complaints:
            return 1
    complaints = rounds.finish()
    print("\n".join(complaints) or rounds.summary())
    if not complaints:
        rounds.remove()
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
