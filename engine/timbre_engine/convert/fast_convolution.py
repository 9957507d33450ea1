"""Convolutions with fewer products (Toom and Cook, Winograd): neighbouring outputs share products.

`m` neighbouring outputs of a filter with `r` taps cost n = m + r - 1 products in place of m * r, by evaluating both as
polynomials at n points: outputs = combine @ ((filters @ taps) * (spread @ inputs)), where `inputs` are n steps.
More outputs save more products, and rounding grows: against the plain sum about 2 times for (2, 7), 6 for (4, 7).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def _both(*points: float) -> tuple[float, ...]:
    return tuple(sign * point for point in points for sign in (1, -1))


_POINTS: Final = {
    (4, 2): _both(2 / 5, 3 / 2),
    (2, 7): (0, *_both(1 / 2, 1, 2)),
    (4, 7): (0, *_both(3 / 7, 5 / 6, 6 / 5, 7 / 3)),
    (6, 7): (0, *_both(3 / 8, 3 / 4, 1, 4 / 3, 8 / 3)),
}
"""By (outputs, taps); infinity is one more. Those found by search among small fractions to round least."""


@dataclass(frozen=True)
class Transform:
    """The matrices of m outputs of r taps with n = m + r - 1 points."""

    spread: Matrix
    """[n, n]: inputs to points."""
    filters: Matrix
    """[n, r]: taps to points."""
    combine: Matrix
    """[m, n]: points to outputs."""


def transform(outputs: int, taps: int) -> Transform:
    """For the pairs that points are known for: (4, 2), (2, 7), (4, 7) and (6, 7)."""
    points = _POINTS[outputs, taps]
    filters = _powers(points, taps)
    spread = np.linalg.inv(_powers(points, outputs + taps - 1)).T
    # Each point may be scaled freely; so the inputs keep their range.
    scale = np.abs(spread).max(axis=1, keepdims=True)
    return Transform(spread / scale, filters * scale, _powers(points, outputs).T)


def _powers(points: tuple[float, ...], count: int) -> Matrix:
    """[points and infinity, count]: each point's powers from 0 on; infinity has the last alone."""
    return np.array([*([point**power for power in range(count)] for point in points), [0.0] * (count - 1) + [1.0]])
