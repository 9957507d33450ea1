"""Adapters mixed into one: their ranks side by side, or the nearest of a smaller rank. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from timbre_loras.peft_adapter import Pair


@dataclass(frozen=True)
class Reduced:
    """Pairs of a smaller rank, and what that cost."""

    pairs: list[Pair]
    error: float
    """Of what all pairs add to the weights, relative to it (Frobenius norms)."""


def concatenate(adapters: Sequence[tuple[Sequence[Pair], float]]) -> list[Pair]:
    """The sum of adapters, each with its weight, exactly: a pair's rank is the sum of theirs."""
    places: dict[tuple[int, str], list[tuple[Pair, float]]] = {}
    for pairs, weight in adapters:
        for pair in pairs:
            places.setdefault((pair.layer, pair.target), []).append((pair, weight))
    return [_joined(places[place]) for place in sorted(places)]


def reduce(pairs: Sequence[Pair], rank: int) -> Reduced:
    """Each pair by the nearest of at most `rank` (singular values of B A; the full matrix is never made)."""
    reduced, lost, whole = [], 0.0, 0.0
    for pair in pairs:
        left, upper_left = np.linalg.qr(pair.scale * pair.b.astype(np.float64))
        right, upper_right = np.linalg.qr(pair.a.astype(np.float64).T)
        inner_left, sizes, inner_right = np.linalg.svd(upper_left @ upper_right.T, full_matrices=False)
        whole += float(np.square(sizes).sum())
        lost += float(np.square(sizes[rank:]).sum())
        roots = np.sqrt(sizes[:rank])
        a = roots[:, None] * (inner_right[:rank] @ right.T)
        b = left @ inner_left[:, :rank] * roots
        reduced.append(Pair(pair.layer, pair.target, a.astype(np.float32), b.astype(np.float32), 1.0))
    return Reduced(reduced, float(np.sqrt(lost / whole)) if whole else 0.0)


def _joined(parts: Sequence[tuple[Pair, float]]) -> Pair:
    # B takes each part's own scale, so that one scale of 1 is left for the whole.
    first, _ = parts[0]
    a = np.concatenate([pair.a for pair, _ in parts])
    scaled = [(pair.b * np.float64(pair.scale * weight)).astype(np.float32) for pair, weight in parts]
    return Pair(first.layer, first.target, a, np.concatenate(scaled, axis=1), 1.0)
