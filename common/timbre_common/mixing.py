"""Speakers mixed by weight: what a blend of the engine and a merged adapter agree on.

Needs numpy, of the extras `engine` and `loras`, so nothing imports it that a mere client uses.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def mean_vector(vectors: Sequence[tuple[NDArray[np.float32] | None, float]]) -> NDArray[np.float32] | None:
    """The mean [hidden] of the vectors there are, each with its weight: as large as they are, whatever the weights."""
    there = [(vector, weight) for vector, weight in vectors if vector is not None]
    if not there:
        return None
    first, _ = there[0]
    if all(np.array_equal(vector, first) for vector, _ in there):
        return first
    mean = np.average([vector for vector, _ in there], axis=0, weights=[weight for _, weight in there])
    return np.asarray(mean, np.float32)
