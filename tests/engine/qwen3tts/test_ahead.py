"""A stream waits for its client, at whatever speed it speaks, and pauses count."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from timbre_engine.qwen3tts.stream import AHEAD_SAMPLES, Stream


def stream(speed: float) -> Stream:
    place = SimpleNamespace(lane=SimpleNamespace(context=SimpleNamespace(settings=SimpleNamespace(positions=512))))
    spec = SimpleNamespace(seed=0, given=(), room=lambda positions: positions)
    return Stream(1, cast(Any, spec), cast(Any, place), speed)


@pytest.mark.parametrize("speed", [0.25, 0.8, 1.0, 1.25, 4.0])
def test_half_an_hour_that_is_taken_as_it_comes_never_waits(speed: float) -> None:
    one = stream(speed)
    for _ in range(22_500):
        assert not one.waits
        one.made(1920)
        one.took(round(1920 / speed))
    assert abs(one.samples_ahead) < 24_000


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_what_nobody_takes_waits_after_ten_seconds_as_heard(speed: float) -> None:
    one, frames = stream(speed), 0
    while not one.waits:
        one.made(1920)
        frames += 1
    assert frames * 1920 / speed == pytest.approx(AHEAD_SAMPLES, rel=0.02)
    one.took(24_000)
    assert not one.waits
