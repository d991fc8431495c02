"""The door of `claude-memory`: the environment is read here, exit codes are made here, and no traceback leaves it."""

import os
import sys
from collections.abc import Sequence

from memory_cli import __version__, handover

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code. What the codes mean is in `app`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if list(arguments) == ["--version"]:
            sys.stdout.write(f"claude-memory {__version__}\n")
            return 0
        became = handover.become(arguments, os.environ)
        if became is not None:
            return became
        from memory_cli.app import run  # the parser costs 130 ms, which the bridge must not pay

        code = run(arguments, os.environ)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # the outermost layer: a person gets a sentence
        from memory_core.system import reader_left

        if reader_left(error):
            # Whoever read us has enough. Python would complain once more when it flushes at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_BROKEN_PIPE
        if os.environ.get("MEMORY_DEBUG"):
            raise
        sys.stderr.write(
            f"claude-memory: unexpected {type(error).__name__}: {error}; "
            "this is a mistake of ours, MEMORY_DEBUG=1 shows where\n"
        )
        return EXIT_ERROR
    return code


if __name__ == "__main__":
    sys.exit(main())
