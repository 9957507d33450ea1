"""Every code of every utterance is the official implementation's."""

from collections.abc import Callable

import numpy as np
import pytest

from parity.asking import Answers
from parity.cases import ADAPTED, ENDINGS, LAYOUTS, LONG, SPEECHES, VOICES, Speech
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import codes_of
from timbre_engine.scoring.forced import Forced

EOS = 2150
CODES = 2048


def check(speech: Speech, machine: Machine, official: Answers) -> None:
    made = codes_of(machine, speech.request())
    np.testing.assert_array_equal(made, official[f"{speech.name}.codes"])


@pytest.mark.parametrize("name", LONG)
def test_long(name: str, machine_of: Callable[[str], Machine], official: Answers) -> None:
    assert len(official[f"{name}.codes"]) == LONG[name].frames
    check(LONG[name], machine_of(LONG[name].variant.name), official)


@pytest.mark.parametrize("name", ENDINGS)
def test_end_of_speech(name: str, machine_of: Callable[[str], Machine], official: Answers) -> None:
    assert 2 <= len(official[f"{name}.codes"]) < ENDINGS[name].frames
    check(ENDINGS[name], machine_of(ENDINGS[name].variant.name), official)


def test_some_speech_would_have_ended_with_its_first_token_or_its_second(official: Answers) -> None:
    """Else the tests above would not show that neither may."""
    wanted = {step: [name for name in ENDINGS if ends(official[f"{name}.logits"][step])] for step in (0, 1)}
    assert all(wanted.values())
    assert {len(official[f"{name}.codes"]) for name in ENDINGS} > {2, 3}


@pytest.mark.parametrize("name", LAYOUTS | VOICES)
def test_layouts_and_voices(name: str, machine_of: Callable[[str], Machine], official: Answers) -> None:
    check(SPEECHES[name], machine_of(SPEECHES[name].variant.name), official)


@pytest.mark.parametrize("name", ADAPTED)
def test_adapters_of_talker_and_code_predictor(
    name: str, machine_of: Callable[[str], Machine], official: Answers
) -> None:
    check(ADAPTED[name], machine_of(ADAPTED[name].variant.name), official)


@pytest.mark.parametrize("name", ADAPTED)
def test_logits_with_an_adapter(name: str, machine_of: Callable[[str], Machine], official: Answers) -> None:
    codes = official[f"{name}.codes"]
    _, *rest = Forced(machine_of(ADAPTED[name].variant.name)).logits([ADAPTED[name].request()], [codes])
    np.testing.assert_array_equal(np.stack(rest, axis=1).argmax(-1), codes[:, 1:])


def ends(logits: np.ndarray) -> bool:
    return bool(logits[EOS] > logits[:CODES].max())
