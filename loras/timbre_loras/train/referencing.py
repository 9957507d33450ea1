"""The voice file of one recording, as the engine's `reference` reads it; heard as the official package hears it."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from timbre_common import adapters
from timbre_common.errors import InvalidInput
from timbre_loras import atomic
from timbre_loras.train import dataset
from timbre_loras.train.encoders import Encoders, hear, resample

MAX_SECONDS: Final = 20
"""Of the recording: with the engine's default of 512 positions it may take half of them, 80 ms each."""


def reference(recording: Path, base: Path, output: Path, text: str, language: str, device: str) -> str:
    """Write the file; what is in it. Raises TimbreError."""
    atomic.make_folder(output.parent)
    encoders = Encoders(base, device)
    try:
        sound, rate = hear(recording)
    except InvalidInput as error:
        raise InvalidInput(str(error), recording.name) from error
    seconds = len(sound) / rate
    if not 1 <= seconds <= MAX_SECONDS:
        raise InvalidInput(f"it lasts {seconds:.1f} s; 1 to {MAX_SECONDS} s are right", recording.name)
    heard = resample(sound, rate)
    tensors: dict[str, NDArray[np.generic]] = {adapters.X_VECTOR: encoders.x_vector(heard)}
    told = {"language": language} if language else {}
    if text.strip():
        tensors[dataset.CODES] = encoders.codes(heard)
        told["text"] = text.strip()
    atomic.write(output, save(tensors, told))
    return f"{seconds:.1f} s heard, " + ("continued in its manner" if text.strip() else "its voice alone")
