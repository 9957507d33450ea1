"""Measures of voices on sounds whose answer is known."""

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from timbre_common.audio import SAMPLE_RATE
from timbre_common.errors import SetupError
from timbre_loras.comparison import embedding, measures, mel, picture, report

SECOND = np.arange(SAMPLE_RATE) / SAMPLE_RATE
SILENCE = np.zeros(SAMPLE_RATE)


def sine(hz: float, amplitude: float = 0.5) -> NDArray[np.float64]:
    return amplitude * np.sin(2 * np.pi * hz * SECOND)


def buzz(hz: float) -> NDArray[np.float64]:
    """As a voice: many harmonics, the first one weak."""
    harmonics = [np.cos(2 * np.pi * k * hz * SECOND) / abs(k - 3.5) for k in range(1, 12)]
    total: NDArray[np.float64] = 0.1 * np.sum(harmonics, axis=0)
    return total


def noise(rms: float, seed: int = 1) -> NDArray[np.float64]:
    return rms * np.random.default_rng(seed).standard_normal(SAMPLE_RATE)


@pytest.mark.parametrize("hz", [70, 110, 123.4, 220, 440])
def test_pitch_of_periodic_sounds(hz: float) -> None:
    for sound in (sine(hz), buzz(hz), np.concatenate([SILENCE, sine(hz, 0.01) + noise(0.001)])):
        found = measures.pitch(sound)
        assert found is not None
        assert found.median == pytest.approx(hz, rel=0.01)


def test_pitch_range_of_a_glide() -> None:
    # An octave in a second, evenly: the tenths below and above lie 0.8 of it apart.
    glide = np.sin(2 * np.pi * np.cumsum(150 * 2**SECOND) / SAMPLE_RATE)
    found = measures.pitch(glide)
    assert found is not None
    assert found.range == pytest.approx(0.8 * 12, abs=0.5)


@pytest.mark.parametrize("sound", [SILENCE, noise(0.1), np.zeros(0)])
def test_what_has_no_pitch(sound: NDArray[np.float64]) -> None:
    assert measures.pitch(sound) is None


@pytest.mark.parametrize(
    ("sound", "db"),
    [
        (sine(300, 1.0), -3.01),
        (sine(300, 0.1), -23.01),
        (noise(0.01), -40.0),
        (np.concatenate([SILENCE, sine(300, 0.1), SILENCE]), -23.01),
        (SILENCE, -np.inf),
    ],
)
def test_level(sound: NDArray[np.float64], db: float) -> None:
    assert measures.level(sound) == pytest.approx(db, abs=0.15)


def test_speech_lasts_from_its_first_sound_to_its_last() -> None:
    assert measures.speech_seconds(np.concatenate([SILENCE, sine(200), SILENCE, sine(200), SILENCE])) == pytest.approx(
        3, abs=0.1
    )
    assert measures.speech_seconds(SILENCE) == 0


def test_brightness() -> None:
    assert measures.brightness(sine(1000)) == pytest.approx(1000, rel=0.02)
    assert measures.brightness(noise(0.1)) == pytest.approx(SAMPLE_RATE / 4, rel=0.02)
    assert measures.brightness(SILENCE) == 0


def test_timbre_is_the_spectrum_s_shape_and_no_loudness() -> None:
    white, other, quiet = (measures.timbre(sound) for sound in (noise(0.1), noise(0.1, seed=2), noise(0.02)))
    dull = measures.timbre(np.convolve(noise(0.1), np.ones(8) / 8, "same"))
    assert measures.timbre_distance(white, quiet) < 0.01
    assert measures.timbre_distance(white, other) < 1 < 5 < measures.timbre_distance(white, dull)
    assert measures.timbre(SILENCE).tolist() == [0] * 13


def test_timbre_distance_is_in_decibels() -> None:
    ripple = np.zeros(13)
    ripple[4] = np.log(10) / 20  # 1 dB up and down
    assert measures.timbre_distance(ripple, np.zeros(13)) == pytest.approx(1 / np.sqrt(2))


@pytest.mark.parametrize("hz", [200, 1000, 5000])
def test_a_sine_stands_in_its_band(hz: float) -> None:
    bands = mel.spectrogram(sine(hz, 1.0)).mean(axis=0)
    assert bands.max() == pytest.approx(0, abs=3)
    scale = 2595 * np.log10(1 + np.array([50, hz, SAMPLE_RATE / 2]) / 700)
    expected = (scale[1] - scale[0]) / (scale[2] - scale[0]) * (mel.BANDS + 1) - 1
    assert bands.argmax() == pytest.approx(expected, abs=0.6)


def test_a_picture_is_a_png_with_time_to_the_right_and_high_bands_above() -> None:
    bands = np.full((30, 8), -100.0)
    bands[20, 0] = 0.0
    data = picture.spectrogram(bands)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (30, 16)
    size = int.from_bytes(data[33:37], "big")
    rows = np.frombuffer(zlib.decompress(data[41 : 41 + size]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    bright = rows[:, 1:].reshape(height, width, 3).sum(axis=2)
    assert np.argwhere(bright > 400).tolist() == [[14, 20], [15, 20]]


def test_embeddings_are_told_apart_by_their_direction() -> None:
    one = np.array([[1, 0, 0], [4, 0, 0]], np.float32)
    assert embedding.distance(one, 3 * one) == pytest.approx(0)
    assert embedding.distance(one, np.array([[0, 2, 0]], np.float32)) == pytest.approx(1)
    assert embedding.distance(one, -one) == pytest.approx(2)
    assert embedding.spread(one) == pytest.approx(0)
    assert embedding.spread(np.array([[1, 0], [0, 3]], np.float32)) == pytest.approx(1 - np.sqrt(0.5))


TRAINER = """#!{python}
import sys
import numpy as np
from safetensors.numpy import save_file
_, command, *paths, base, checkpoint, flag, output = sys.argv
assert (command, base, flag) == ("embed", "--base", "-o")
if checkpoint == "none":
    sys.exit("much is said\\nthere is no encoder")
save_file({{"x_vectors": np.array([[float(path[-5]), 1] for path in paths], np.float32)}}, output)
"""


def test_embeddings_come_voice_by_voice_or_with_the_reason_why_not(tmp_path: Path) -> None:
    program = tmp_path / "timbre-loras"
    program.write_text(TRAINER.format(python=sys.executable))
    program.chmod(0o755)
    files = {"lisa": [Path("1.wav"), Path("2.wav")], "electra": [Path("3.wav")]}
    found = embedding.x_vectors(files, Path("checkpoint"), program)
    assert found["lisa"].tolist() == [[1, 1], [2, 1]] and found["electra"].tolist() == [[3, 1]]
    with pytest.raises(SetupError, match=r"^there is no encoder$"):
        embedding.x_vectors(files, Path("none"), program)
    with pytest.raises(SetupError, match="nowhere"):
        embedding.x_vectors(files, Path("checkpoint"), tmp_path / "nowhere")


def test_voices_are_compared_in_pairs() -> None:
    spoken = {
        name: [np.rint(32767 * sound).astype(np.int16)]
        for name, sound in {"low": buzz(100), "high": np.tile(0.5 * buzz(200), 2), "mute": SILENCE}.items()
    }
    low, high, mute = (report.measure(name, ["Dix lettres."], samples) for name, samples in spoken.items())
    assert low.letters_per_second == pytest.approx(10, rel=0.05)
    assert (mute.pitch_hz, mute.level_db, mute.letters_per_second) == (None, None, 0)
    pairs = {(pair.one, pair.other): pair for pair in report.distances([low, high, mute], spoken)}
    assert set(pairs) == {("low", "high"), ("low", "mute"), ("high", "mute")}
    pair = pairs["low", "high"]
    assert pair.pitch_semitones == pytest.approx(12, abs=0.1)
    assert pair.rate_factor == pytest.approx(0.5, abs=0.03)
    assert pair.level_db == pytest.approx(-6, abs=0.3)
    assert pair.timbre_db > 1
    assert (pairs["low", "mute"].pitch_semitones, pairs["low", "mute"].rate_factor) == (None, None)
