"""Where training stands, so that it can go on: one file, replaced as a whole."""

import io
from pathlib import Path
from typing import Any, Final

import torch

from timbre_common.errors import InvalidInput, SetupError
from timbre_loras import atomic

FILE: Final = "checkpoint.pt"


def write(directory: Path, state: dict[str, Any]) -> None:
    """Put a state of tensors, numbers, strings, lists and dicts in the place of the last one. Raises SetupError."""
    made = io.BytesIO()  # PyTorch's own writer does not say why it cannot write
    torch.save(state, made)
    atomic.write(directory / FILE, made.getvalue())


def read(directory: Path, fingerprint: str) -> dict[str, Any]:
    """The last state; nothing but tensors and plain values is unpickled.

    Raises SetupError where there is none, InvalidInput where it was made with another `fingerprint`.
    """
    try:
        state: dict[str, Any] = torch.load(directory / FILE, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SetupError(f"there is nothing to resume in {directory}: {FILE}: {error.strerror}") from error
    except Exception as error:  # a torn file fails in many ways
        raise InvalidInput(f"it cannot be read: {type(error).__name__}", FILE) from error
    if state["fingerprint"] != fingerprint:
        raise InvalidInput("the checkpoint was made with other settings or lines: train anew", "--resume")
    return state
