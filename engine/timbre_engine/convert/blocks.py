"""Weights in blocks of few bits, laid out as ONNX Runtime's MatMulNBits reads them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE: Final = 512
"""Rows rounded at a time: keeps the trials of a large matrix at tens of megabytes."""

_TRIALS: Final = np.linspace(0.8, 1.05, 6, dtype=np.float32)
"""Factors on the scale that maps a block's largest value to the last level. Clipping a little often costs less than
the coarser steps of not clipping."""


@dataclass(frozen=True)
class Blocks:
    """A matrix [rows, columns] as `(level - middle) * scale`, one scale a block of a row; middle is half of 2^bits."""

    levels: NDArray[np.uint8]
    """[rows, blocks, size], one level a byte."""
    scales: NDArray[np.float32]
    """[rows, blocks]."""
    bits: int
    columns: int

    @property
    def size(self) -> int:
        """Values a block."""
        return int(self.levels.shape[2])

    @property
    def packed(self) -> NDArray[np.uint8]:
        """[rows, blocks, size * bits / 8]; of two values in a byte, the first has the low bits."""
        if self.bits == 8:
            return self.levels
        packed: NDArray[np.uint8] = self.levels[..., 0::2] | (self.levels[..., 1::2] << np.uint8(4))
        return packed

    @property
    def values(self) -> NDArray[np.float32]:
        """[rows, columns]: what a multiplication sees."""
        middle = 1 << (self.bits - 1)
        values = (self.levels.astype(np.float32) - middle) * self.scales[..., None]
        return values.reshape(len(values), -1)[:, : self.columns]


def quantise(matrix: NDArray[np.float32], bits: int, size: int) -> Blocks:
    """Round a matrix [rows, columns] to 4 or 8 bits, in blocks of `size` columns; the last block is filled with zeros.

    Of several scales, each block takes the one with the least squared error.
    """
    rows, columns = matrix.shape
    padded = np.pad(matrix, ((0, 0), (0, -columns % size))).reshape(rows, -1, size)
    levels = np.empty(padded.shape, np.uint8)
    scales = np.empty(padded.shape[:2], np.float32)
    for start in range(0, rows, _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        levels[part], scales[part] = _round(padded[part], bits)
    return Blocks(levels, scales, bits, columns)


def _round(blocks: NDArray[np.float32], bits: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Levels and scales of [rows, blocks, size]."""
    middle = 1 << (bits - 1)
    # The levels reach one step further below the middle than above it: the largest value goes to the far end.
    at = np.abs(blocks).argmax(axis=-1, keepdims=True)
    far = np.take_along_axis(blocks, at, axis=-1) / -middle
    best = np.full(blocks.shape[:2], np.inf, np.float32)
    levels = np.full(blocks.shape, middle, np.uint8)
    scales = np.zeros(blocks.shape[:2], np.float32)
    for trial in _TRIALS if bits < 8 else np.ones(1, np.float32):
        scale = far * trial
        steps = np.divide(blocks, scale, out=np.zeros_like(blocks), where=scale != 0)
        steps = np.clip(np.rint(steps), -middle, middle - 1)
        error = np.square(steps * scale - blocks).sum(axis=-1)
        better = error < best
        best = np.where(better, error, best)
        levels = np.where(better[..., None], (steps + middle).astype(np.uint8), levels)
        scales = np.where(better, scale[..., 0], scales)
    return levels, scales
