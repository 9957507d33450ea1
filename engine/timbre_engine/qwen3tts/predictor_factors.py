"""What adapters add to the code predictor, laid out as its graph takes it. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from timbre_common import adapters
from timbre_engine.model.manifest import Transformer
from timbre_engine.model.predictor import MATRICES, factor_name, matrix_shapes

Array = NDArray[np.float32]


class Pair(NamedTuple):
    """b a is added to a weight."""

    a: Array
    """[rank, in]"""
    b: Array
    """[out, rank]"""


Pairs = Mapping[tuple[int, str], Pair]
"""By layer and weight (`adapters.TARGETS`' values)."""

Factors = Mapping[str, Array]
"""The graph's inputs by name: [streams or 1, columns, rank] and [streams or 1, rank, rows]."""


def pairs(alpha: float, tensors: Mapping[str, Array]) -> Pairs:
    """An adapter file's tensors by name, its alpha folded into b."""
    found = {}
    for name, a in tensors.items():
        place = adapters.parse_tensor_name(name)
        if place is not None and place[2] == "a":
            layer, target, _ = place
            found[layer, target] = Pair(
                a, tensors[adapters.tensor_name(layer, target, "b")] * np.float32(alpha / len(a))
            )
    return found


def mixed(parts: Sequence[tuple[Pairs, float]], sizes: Transformer) -> Factors:
    """Adapters at their scales, as one adapter of all their ranks would be, for any number of streams.

    Matrices that none of them adapts are left out.
    """
    factors: dict[str, Array] = {}
    for matrix, targets in MATRICES.items():
        rows = [adapters.weight_shape(target, sizes)[0] for target in targets]
        for layer in range(sizes.layers):
            blocks = [
                (sum(rows[:number]), each[layer, target], scale)
                for number, target in enumerate(targets)
                for each, scale in parts
                if (layer, target) in each
            ]
            if blocks:
                names = (factor_name(layer, matrix, half) for half in "ab")
                factors.update(zip(names, _joined(blocks, matrix_shapes(sizes)[matrix][0]), strict=True))
    return factors


def stacked(streams: Sequence[Factors]) -> Factors:
    """Of each stream its own, in their order; smaller ranks are filled up with zeros."""
    names = sorted({name for factors in streams for name in factors})
    return {name: _filled([factors.get(name) for factors in streams]) for name in names}


def _joined(blocks: Sequence[tuple[int, Pair, float]], rows: int) -> tuple[Array, Array]:
    """Of the first row, pair and scale of each: a [1, columns, rank] and b [1, rank, rows], with zeros between."""
    a = np.concatenate([pair.a for _, pair, _ in blocks])
    b = np.zeros((len(a), rows), np.float32)
    start = 0
    for row, pair, scale in blocks:
        b[start : start + len(pair.a), row : row + len(pair.b)] = pair.b.T * np.float32(scale)
        start += len(pair.a)
    return np.ascontiguousarray(a.T)[None], b[None]


def _filled(parts: Sequence[Array | None]) -> Array:
    largest = np.max([part.shape[1:] for part in parts if part is not None], axis=0)
    whole = np.zeros((len(parts), *largest), np.float32)
    for stream, part in enumerate(parts):
        if part is not None:
            _, height, width = part.shape
            whole[stream, :height, :width] = part[0]
    return whole
