"""The voice file of one recording, as the engine's `reference` reads it; heard as the official package hears it."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from timbre_common import adapters
from timbre_loras import atomic
from timbre_loras.train import dataset
from timbre_loras.train.encoders import Encoders, listen
from timbre_loras.train.sound import RATE

MAX_SECONDS: Final = 20
"""Of the recording: with the engine's default of 512 positions it may take half of them, 80 ms each."""


def reference(recording: Path, base: Path, output: Path, text: str, language: str, device: str) -> str:
    """Write the file; what is in it. Raises TimbreError."""
    atomic.make_folder(output.parent)
    encoders = Encoders(base, device)
    heard = listen(recording, 1, MAX_SECONDS)
    tensors: dict[str, NDArray[np.generic]] = {adapters.X_VECTOR: encoders.x_vector(heard)}
    told = {"language": language} if language else {}
    if text.strip():
        tensors[dataset.CODES] = encoders.codes(heard)
        told["text"] = text.strip()
    atomic.write(output, save(tensors, told))
    return f"{len(heard) / RATE:.1f} s heard, " + ("continued in its manner" if text.strip() else "its voice alone")
