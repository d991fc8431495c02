"""See `__main__`."""

import os

# The floor is measured with one thread and with two: NumPy must not choose by itself. Read when it is first imported.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
