"""Drawing a token from logits: penalty, mask, temperature, top-k, top-p, probabilities, draw. Pure.

The steps mean what Hugging Face's logits processors of the same names mean, in the same order. The code predictor's
graph (`timbre_engine.convert.draw`) does the same from the temperature on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbre_engine.model.manifest import Sampling


@dataclass(frozen=True)
class Draw:
    """How one stream draws: its settings, and random numbers that belong to it alone, whoever else is in a batch."""

    settings: Sampling
    random: np.random.Generator

    def uniform(self, count: int) -> NDArray[np.float32]:
        """The stream's next numbers, float32 [count] in [0, 1). Greedy draws use none up and get zeros."""
        if self.settings.temperature == 0:
            return np.zeros(count, np.float32)
        return self.random.random(count, dtype=np.float32)


def sample(
    logits: NDArray[np.float32],
    settings: Sampling,
    *,
    history: Sequence[int] | NDArray[np.integer] = (),
    allowed: NDArray[np.bool_] | None = None,
    uniform: float,
) -> int:
    """Draw a token.

    logits: [vocabulary], finite. history: the tokens so far, which the repetition penalty makes less likely.
    allowed: bool [vocabulary], what may be drawn at all, at least one token; None is everything.
    uniform: in [0, 1), what chance says; greedy (temperature 0) does not look at it.
    """
    scores = penalise(logits, history, settings.repetition_penalty)
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    if settings.temperature == 0:
        return int(scores.argmax())
    tokens, probabilities = candidates(scores, settings)
    cumulative = probabilities.cumsum()
    position = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return int(tokens[min(int(position), len(tokens) - 1)])


def penalise(
    logits: NDArray[np.float32], history: Sequence[int] | NDArray[np.integer], penalty: float
) -> NDArray[np.float32]:
    """Logits with those of the tokens in history divided by the penalty where positive, multiplied where negative.

    A token that occurs twice is penalised once. The caller's array stays as it is.
    """
    if penalty == 1 or len(history) == 0:
        return logits
    seen = np.asarray(history, np.int64)
    scores = logits.copy()
    scores[seen] = np.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
    return scores


def candidates(scores: NDArray[np.float32], settings: Sampling) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The tokens that may be drawn, most probable first (of equals, the lower token), and their probabilities.

    scores: [vocabulary], -inf for what may not be drawn. Temperature must be above 0. Top-k keeps what ties with the
    k-th (0 keeps everything); top-p keeps the shortest run from the front that reaches p.
    """
    if 0 < settings.top_k < len(scores):
        kth = np.partition(scores, -settings.top_k)[-settings.top_k]
        tokens = np.flatnonzero((scores >= kth) & (scores > -np.inf))
    else:
        tokens = np.flatnonzero(scores > -np.inf)
    tokens = tokens[np.argsort(-scores[tokens], kind="stable")]
    scaled = scores[tokens].astype(np.float64) / settings.temperature
    weights = np.exp(scaled - scaled[0])
    probabilities = weights / weights.sum()
    if settings.top_p < 1:
        before = probabilities.cumsum() - probabilities
        kept = max(1, int(np.count_nonzero(before < settings.top_p)))
        tokens, probabilities = tokens[:kept], probabilities[:kept] / probabilities[:kept].sum()
    return tokens, probabilities
