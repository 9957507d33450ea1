"""How far apart voices are for the official speaker encoder, which another environment may hold."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from timbre_common.errors import SetupError
from timbre_loras import x_vector

Vectors = NDArray[np.float32]
"""[lines, hidden]: an x-vector a line."""


def x_vectors(files: Mapping[str, Sequence[Path]], base: Path, program: Path) -> dict[str, Vectors]:
    """Each voice's, of its sound files, by `timbre-loras embed`. Raises SetupError with the reason that it gives."""
    with TemporaryDirectory() as folder:
        output = Path(folder, "x_vectors.safetensors")
        paths = [str(path) for spoken in files.values() for path in spoken]
        command = [str(program), "embed", *paths, "--base", str(base), "-o", str(output)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- our own program
            if done.returncode:
                lines = done.stderr.strip().splitlines()
                raise SetupError(lines[-1] if lines else f"{program} embed ended with status {done.returncode}")
            found = load_file(output)[x_vector.MANY]
        except (OSError, SafetensorError, KeyError) as error:
            raise SetupError(f"{program} embed: {error}") from error
    ends = np.cumsum([len(spoken) for spoken in files.values()])
    return dict(zip(files, np.split(found, ends[:-1]), strict=True))


def distance(one: Vectors, other: Vectors) -> float:
    """The cosine distance between two voices' mean directions: 0 is the same, 1 unrelated, 2 opposite."""
    return 1 - float(_centre(one) @ _centre(other))


def spread(vectors: Vectors) -> float:
    """How far a voice's own lines lie from their mean, on average, as `distance` measures it."""
    return 1 - float(np.mean(_directions(vectors) @ _centre(vectors)))


def _directions(vectors: Vectors) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    directions: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return directions


def _centre(vectors: Vectors) -> NDArray[np.float64]:
    centre: NDArray[np.float64] = _directions(vectors).mean(axis=0)
    return centre / np.linalg.norm(centre)
