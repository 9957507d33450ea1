"""From logits to probabilities: penalty, suppression, temperature, top-k, top-p as the official package has them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from parity import chains
from parity.asking import Answers
from parity.chains import SETTINGS, VOCABULARY
from timbre_engine.model.manifest import Sampling
from timbre_engine.qwen3tts.sampling import candidates, penalise
from timbre_engine.qwen3tts.stream import MIN_TOKENS

CODES = 2048
EOS = 2150


@pytest.mark.parametrize("name", SETTINGS)
def test_talker(name: str, official: Answers) -> None:
    given = chains.rows()
    for logits, history, expected in zip(given.logits, given.history, official[f"{name}.talker"], strict=True):
        allowed = np.arange(VOCABULARY) < CODES
        allowed[EOS] = len(history) >= MIN_TOKENS
        scores = np.where(allowed, penalise(logits, history, SETTINGS[name].repetition_penalty), -np.inf)
        compare(scores, SETTINGS[name], expected)


@pytest.mark.parametrize("name", SETTINGS)
def test_predictor(name: str, official: Answers) -> None:
    for logits, expected in zip(chains.rows().logits, official[f"{name}.predictor"], strict=True):
        compare(logits[:CODES], SETTINGS[name], expected)


def compare(scores: NDArray[np.float32], settings: Sampling, expected: NDArray[np.float32]) -> None:
    tokens, probabilities = candidates(scores, settings)
    made = np.zeros(len(scores))
    made[tokens] = probabilities
    np.testing.assert_array_equal(made > 0, expected > 0)
    np.testing.assert_allclose(made, expected, atol=1e-6)
