"""Samples at their speed and loudness, and marks that are contiguous, whole, and before their audio."""

import itertools

import numpy as np
import pytest

from timbre_common.audio import ms_of_samples
from timbre_engine.backend import Audio, Event, Mark
from timbre_engine.qwen3tts.output import Output

FRAME = np.full(1920, 0.5, np.float32)


def pcm(events: list[Event]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, Audio))


def marks(events: list[Event]) -> list[Mark]:
    return [event for event in events if isinstance(event, Mark)]


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.0, 1.3, 2.0])
def test_marks_hold_the_text_and_end_with_the_audio(speed: float) -> None:
    output = Output(0.0, speed)
    words = [" un", " deux", " trois", " quatre"]
    events = output.chunk(FRAME, words[:2], last=False)
    events += output.chunk(np.concatenate([FRAME] * 20), words[2:], last=False)
    events += output.chunk(FRAME, [], last=True) + output.rest("…")
    found = marks(events)
    assert "".join(mark.text for mark in found) == "".join(words) + "…"
    assert found[0].start_ms == 0
    assert all(one.end_ms == two.start_ms for one, two in itertools.pairwise(found))
    assert found[-1].end_ms == ms_of_samples(output.samples)
    assert output.samples == len(pcm(events)) // 2
    assert output.samples == pytest.approx(22 * 1920 / speed, rel=0.02)


def test_a_word_is_marked_when_its_time_has_come() -> None:
    output = Output(0.0, 1.0)
    first = output.chunk(FRAME, ["Bonjour", " à", " tous"], last=False)
    assert marks(first)[0].text == ""
    later = output.chunk(np.concatenate([FRAME] * 6), [], last=False)
    assert marks(later)[0].text == "Bonjour"


def test_gain_is_in_decibels_and_never_wraps() -> None:
    plain = np.frombuffer(pcm(Output(0.0, 1.0).chunk(FRAME, ["a"], last=True)), np.int16)
    quiet = np.frombuffer(pcm(Output(-6.02, 1.0).chunk(FRAME, ["a"], last=True)), np.int16)
    loud = np.frombuffer(pcm(Output(12.0, 1.0).chunk(FRAME, ["a"], last=True)), np.int16)
    assert quiet[0] == pytest.approx(plain[0] / 2, rel=0.01)
    assert loud[0] == 32767


def test_audio_comes_in_pieces_of_at_most_200_ms() -> None:
    events = Output(0.0, 1.0).chunk(np.concatenate([FRAME] * 4), ["a"], last=True)
    assert [len(event.pcm) for event in events if isinstance(event, Audio)] == [9600, 5760]


def test_nothing_said_has_no_mark() -> None:
    assert Output(0.0, 1.0).rest(" … ") == []


@pytest.mark.parametrize("speed", [0.5, 1.0, 1.25, 2.0])
def test_a_pause_lasts_as_long_as_it_says(speed: float) -> None:
    output = Output(0.0, speed)
    events = output.chunk(np.concatenate([FRAME] * 10), ["un"], last=True)
    events += output.pause(1.0, " [pause:1s]") + output.rest("")
    assert output.samples == pytest.approx(24_000 + 10 * 1920 / speed, abs=2_000)
    assert "".join(mark.text for mark in marks(events)) == "un [pause:1s]"


def test_what_is_still_inside_at_the_end_counts_as_said() -> None:
    output = Output(0.0, 1.25)
    events = output.chunk(FRAME[:960], ["oui"], last=True) + output.rest(".")
    assert output.samples == len(pcm(events)) // 2 > 0
    assert "".join(mark.text for mark in marks(events)) == "oui."
