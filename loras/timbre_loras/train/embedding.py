"""The x-vectors of recordings, by the official package's speaker encoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from safetensors.numpy import save

from timbre_common.errors import InvalidInput
from timbre_loras import atomic, x_vector
from timbre_loras.train.encoders import MAX_SECONDS, Encoders, listen

MIN_SECONDS: Final = 0.2
"""Of a recording: in less the encoder's layers see nothing but their own margins."""


def embed(recordings: Sequence[Path], base: Path, output: Path, device: str) -> int:
    """Write x_vectors [recordings, hidden]; how many they are. Raises TimbreError that names the recording."""
    if not recordings:
        raise InvalidInput("one or more sound files are right", "recordings")
    atomic.make_folder(output.parent)
    encoders = Encoders(base, device)
    vectors = [encoders.x_vector(listen(path, MIN_SECONDS, MAX_SECONDS)) for path in recordings]
    atomic.write(output, save({x_vector.MANY: np.stack(vectors)}))
    return len(vectors)
