"""How much two sets of logits differ. Pure."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
_HIGH: Final = 0.95


@dataclass(frozen=True, slots=True)
class Head:
    """What changed in one head: Kullback-Leibler divergences in nats, from the reference."""

    kl: float
    """Mean over the frames."""
    kl_95: float
    """Nineteen frames in twenty are below it."""
    top1: float
    """Share of frames, 0 to 1, whose likeliest code is the same."""


def divergence(expected: Array, made: Array) -> NDArray[np.float64]:
    """Kullback-Leibler of `made` from `expected`, logits, in nats along the last axis."""
    log_expected, log_made = _log_softmax(expected), _log_softmax(made)
    answer: NDArray[np.float64] = (np.exp(log_expected) * (log_expected - log_made)).sum(-1)
    return answer.clip(min=0.0)  # which rounding alone falls below


def same(expected: Array, made: Array) -> NDArray[np.bool_]:
    """Whether the likeliest code is the same, along the last axis."""
    answer: NDArray[np.bool_] = expected.argmax(-1) == made.argmax(-1)
    return answer


def head(kl: NDArray[np.float64], agrees: NDArray[np.bool_]) -> Head:
    """What `divergence` and `same` found in one head, each [frames], of at least one frame."""
    return Head(float(kl.mean()), float(np.quantile(kl, _HIGH)), float(agrees.mean()))


def _log_softmax(logits: Array) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    answer: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return answer
