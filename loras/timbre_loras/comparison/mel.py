"""Mel spectrograms of samples: mono, in [-1, 1], 24 kHz."""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.audio import SAMPLE_RATE

BANDS: Final = 80
WINDOW: Final = SAMPLE_RATE // 25
"""40 ms."""
HOP: Final = SAMPLE_RATE // 100
"""10 ms."""
FLOOR_DB: Final = -100.0
_FFT: Final = 2048
_LOWEST_HZ: Final = 50.0


def windows(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """[windows, 960] views, one each 10 ms; at least one, filled up with zeros."""
    padded = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]


def spectrogram(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """[windows, 80] dB, low bands first; a sine of full scale has about 0."""
    window = np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(windows(samples) * window, _FFT)) ** 2 * 4 / (_FFT * np.sum(window**2))
    decibels: NDArray[np.float64] = 10 * np.log10(np.maximum(power @ _filters().T, 10 ** (FLOOR_DB / 10)))
    return decibels


@cache
def _filters() -> NDArray[np.float64]:
    """[80, bins]: triangles that peak at 1, evenly spaced on the mel scale."""
    ends = 2595 * np.log10(1 + np.array([_LOWEST_HZ, SAMPLE_RATE / 2]) / 700)
    edges = 700 * (10 ** (np.linspace(ends[0], ends[1], BANDS + 2) / 2595) - 1)
    low, peak, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    triangles: NDArray[np.float64] = np.maximum(
        0, np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak))
    )
    return triangles
