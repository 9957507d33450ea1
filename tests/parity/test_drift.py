"""What quantising changes in the logits of each head, on random weights of a tiny model: a trained one drifts less."""

from collections.abc import Callable

import numpy as np
import pytest

from parity.asking import Answers
from parity.cases import LONG
from timbre_engine.model.manifest import Quantisation
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.scoring import divergence
from timbre_engine.scoring.forced import Forced

SPEECH = LONG["long_streaming"]
CODES = 2048


def test_logits_in_float32(machine_of: Callable[[str], Machine], official: Answers) -> None:
    codes = official[f"{SPEECH.name}.codes"]
    first, *rest = Forced(machine_of(SPEECH.variant.name)).logits([SPEECH.request()], [codes])
    np.testing.assert_allclose(first[:, :CODES], official[f"{SPEECH.name}.logits"][: len(codes), :CODES], atol=1e-4)
    np.testing.assert_array_equal(np.stack(rest, axis=1).argmax(-1), codes[:, 1:])


@pytest.mark.parametrize(
    ("quantisation", "most"), [(Quantisation.Q8_0, 0.001), (Quantisation.Q4_K_M, 0.1), (Quantisation.Q4_0, 0.1)]
)
def test_drift(
    quantisation: Quantisation,
    most: float,
    machine_of: Callable[[str, Quantisation], Machine],
    official: Answers,
    capsys: pytest.CaptureFixture[str],
) -> None:
    codes = official[f"{SPEECH.name}.codes"]
    name = SPEECH.variant.name
    exact, made = (
        Forced(machine_of(name, each)).logits([SPEECH.request()], [codes]) for each in (Quantisation.F32, quantisation)
    )
    heads = [divergence.divergence(*pair).mean() for pair in zip(exact, made, strict=True)]
    with capsys.disabled():
        print(f"\n{quantisation}: KL from float32 in nats, head 0 to 15:", *(f"{each:.4f}" for each in heads))
    assert max(heads) < most
