"""From a scale for each pair to llama.cpp's one alpha for the file.

llama.cpp multiplies a pair by alpha / rank, and knows of no pattern and no rslora: whatever a pair's own scale has
beyond that is folded into its B.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbre_loras.peft_adapter import Pair


@dataclass(frozen=True)
class Folded:
    """A pair as llama.cpp reads it."""

    layer: int
    target: str
    a: NDArray[np.float32]
    """[rank, in]"""
    b: NDArray[np.float32]
    """[out, rank]"""


def fold(pairs: Sequence[Pair]) -> tuple[float, list[Folded]]:
    """The file's alpha, a float32, and the pairs; (alpha / rank) b a is what PEFT adds to each weight.

    The alpha that most pairs want is taken (the larger one of two), so that their B stays as it is, bit for bit; 1
    where there are no pairs.
    """
    wanted = Counter(float(np.float32(pair.scale * pair.rank)) for pair in pairs)
    alpha = max(wanted, key=lambda each: (wanted[each], each), default=1.0)
    return alpha, [_fold(pair, alpha) for pair in pairs]


def _fold(pair: Pair, alpha: float) -> Folded:
    factor = pair.scale * pair.rank / alpha
    return Folded(pair.layer, pair.target, pair.a, (pair.b * np.float64(factor)).astype(np.float32))
