"""What keeps and finds memories. Above every module that imports ONNX Runtime, and so before it."""

import os

# Its official builds write an identifier of the machine into the home and report to their maker, from the moment they
# are imported (1.32: Privacy.md in its wheel). Nothing leaves this machine unasked.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
