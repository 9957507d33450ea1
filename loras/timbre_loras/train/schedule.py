"""Which lines are learnt when, and how fast: functions of the seed and the step, so that training can go on. Pure."""

import math
from typing import Final

import numpy as np

_FINAL: Final = 0.1
"""What is left of the learning rate at the end."""


def split(count: int, held_out: float, seed: int) -> tuple[list[int], list[int]]:
    """The lines that are learnt, and those that only measure: at least one of each where there are several."""
    order = np.random.default_rng(seed).permutation(count).tolist()
    kept = min(count - 1, math.ceil(count * held_out)) if held_out else 0
    return sorted(order[kept:]), sorted(order[:kept])


def batch(step: int, size: int, count: int, seed: int) -> list[int]:
    """Which of `count` lines make the step's batch: each once in an epoch, in an order of the epoch's own."""
    chosen: list[int] = []
    orders: dict[int, list[int]] = {}
    for at in range(step * size, (step + 1) * size):
        epoch, place = divmod(at, count)
        if epoch not in orders:
            orders[epoch] = np.random.default_rng([seed, epoch]).permutation(count).tolist()
        chosen.append(orders[epoch][place])
    return chosen


def rate(step: int, steps: int, warmup: int) -> float:
    """The step's part of the learning rate: linear warm-up, then half a cosine down to a tenth."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return _FINAL + (1 - _FINAL) * 0.5 * (1 + math.cos(math.pi * done))
