"""From logits to probabilities: penalty, suppression, temperature, top-k, top-p as the official package has them."""

import numpy as np
import pytest

from parity import chains
from parity.chains import SETTINGS, VOCABULARY
from parity.conftest import Answers
from timbre_engine.qwen3tts.sampling import candidates, penalise
from timbre_engine.qwen3tts.stream import MIN_TOKENS

CODES = 2048
EOS = 2150


@pytest.mark.parametrize("name", SETTINGS)
def test_probabilities(name: str, official: Answers) -> None:
    settings, given = SETTINGS[name], chains.rows()
    for logits, history, expected in zip(given.logits, given.history, official[f"{name}.probabilities"], strict=True):
        allowed = np.arange(VOCABULARY) < CODES
        allowed[EOS] = len(history) >= MIN_TOKENS
        scores = np.where(allowed, penalise(logits, history, settings.repetition_penalty), -np.inf)
        tokens, probabilities = candidates(scores, settings)
        made = np.zeros(VOCABULARY)
        made[tokens] = probabilities
        np.testing.assert_array_equal(made > 0, expected > 0)
        np.testing.assert_allclose(made, expected, atol=1e-6)
