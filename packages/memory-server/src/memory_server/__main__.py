"""`python -m memory_server`."""

import sys

from memory_server.main import main

if __name__ == "__main__":
    sys.exit(main())
