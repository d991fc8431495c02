"""An ONNX graph of any encoder, by torch's own exporter: for architectures that `convert` does not know.

Needs the extra sentence-transformers, which brings torch, transformers and onnxscript, and loads them when called. The
graph has the inputs and the output of one that `convert` makes.
"""

import importlib
import importlib.util
import logging
import warnings
from pathlib import Path
from typing import Any

from memory_core.errors import ModelUnavailableError
from memory_core.files import first_line

_NEEDED = ("torch", "transformers", "onnxscript")
_INPUTS = ("input_ids", "attention_mask")


def missing() -> list[str]:
    """The packages that tracing would need and that are not installed."""
    return [name for name in _NEEDED if importlib.util.find_spec(name) is None]


def trace(folder: Path, target: Path) -> None:
    """Write the graph of the model in `folder` to the file `target`, large tensors beside it.

    Raises ModelUnavailableError where transformers does not know the architecture or torch cannot follow it.
    """
    # Any: neither library is part of the environment in which types are checked.
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # else it tells that there is no torchvision
    anything = torch.export.Dim.DYNAMIC
    tokens = torch.tensor([[0, 1, 2, 3, 4], [4, 3, 2, 0, 0]])  # which ones does not matter; two of each shape does
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the libraries warn of their own future
            torch.onnx.export(
                _encoder(torch, transformers, folder),
                (tokens, mask),
                str(target),
                input_names=list(_INPUTS),
                output_names=["last_hidden_state"],
                dynamic_shapes=({0: anything, 1: anything},) * len(_INPUTS),
                dynamo=True,
                external_data=True,
                verbose=False,
            )
    except Exception as error:  # whatever torch, transformers or the model's files raise
        raise ModelUnavailableError(
            f"torch cannot export the model in {folder} ({first_line(error)}); use the embedder sentence-transformers"
        ) from error


def _encoder(torch: Any, transformers: Any, folder: Path) -> Any:
    """The model as a function of two tensors to one: its last hidden state, and nothing it might give besides."""

    class Encoder(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
        def __init__(self) -> None:
            super().__init__()
            # The plain implementation of attention, which every architecture has.
            self.model = transformers.AutoModel.from_pretrained(
                folder, local_files_only=True, attn_implementation="eager", dtype=torch.float32
            )

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask)[0]

    return Encoder().eval()
