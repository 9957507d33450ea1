"""What tells voices apart, as pure functions of samples: mono, in [-1, 1], 24 kHz."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.audio import SAMPLE_RATE
from timbre_loras.comparison import mel

Numbers = NDArray[np.float64]

_QUIET_DB: Final = 40.0
"""So far below its loudest window, a recording is silent."""
_FLOOR_DB: Final = -60.0
"""Below it nothing is speech (dB of full scale)."""
_LOWEST_HZ, _HIGHEST_HZ = 60, 500
_PERIODIC: Final = 0.5
"""Autocorrelation from which a window counts as voiced."""
_CEPSTRA: Final = 13


@dataclass(frozen=True, slots=True)
class Pitch:
    """Hz over the voiced windows: the median, and what a tenth of them lies below and above."""

    median: float
    low: float
    high: float

    @property
    def range(self) -> float:
        """Semitones from low to high."""
        return semitones(self.low, self.high)


def semitones(one: float, other: float) -> float:
    """How much higher `other` is than `one` (Hz)."""
    return float(12 * np.log2(other / one))


def pitch(samples: Numbers) -> Pitch | None:
    """By autocorrelation of windows of 40 ms; None where nothing is voiced."""
    windows = mel.windows(samples)[_loud(samples)]
    windows = windows - windows.mean(axis=1, keepdims=True)
    size = windows.shape[1]
    spectra = np.abs(np.fft.rfft(windows, 2 * size)) ** 2
    correlation = np.fft.irfft(spectra)[:, :size] / (np.arange(size, 0, -1) / size)
    first, last = SAMPLE_RATE // _HIGHEST_HZ, SAMPLE_RATE // _LOWEST_HZ
    lags = correlation[:, first - 1 : last + 1] / np.maximum(correlation[:, :1], 1e-12)
    best = lags[:, 1:-1].max(axis=1, initial=0)
    # The first peak that is nearly the highest: a period, and not two of them.
    peaks = (lags[:, 1:-1] >= lags[:, :-2]) & (lags[:, 1:-1] > lags[:, 2:]) & (lags[:, 1:-1] > 0.85 * best[:, None])
    voiced = np.flatnonzero((best >= _PERIODIC) & peaks.any(axis=1))
    if not len(voiced):
        return None
    peak = peaks[voiced].argmax(axis=1)
    before, at, after = (lags[voiced, peak + step] for step in range(3))
    found = SAMPLE_RATE / (peak + first + 0.5 * (before - after) / (before - 2 * at + after))
    low, median, high = np.percentile(found, [10, 50, 90])
    return Pitch(float(median), float(low), float(high))


def level(samples: Numbers) -> float:
    """dB of full scale: the mean power of the windows that are not silent; -inf where all are."""
    heard = _powers(samples)[_loud(samples)]
    return float(10 * np.log10(np.mean(heard))) if len(heard) else float("-inf")


def speech_seconds(samples: Numbers) -> float:
    """From the first window that is not silent to the last, pauses between them included."""
    loud = np.flatnonzero(_loud(samples))
    return float(loud[-1] - loud[0] + 1) * mel.HOP / SAMPLE_RATE if len(loud) else 0.0


def brightness(samples: Numbers) -> float:
    """Hz: the centre of the magnitude spectrum, the mean of the windows that are not silent; 0 where all are."""
    windows = mel.windows(samples)[_loud(samples)]
    if not len(windows):
        return 0.0
    spectra = np.abs(np.fft.rfft(windows * np.hanning(windows.shape[1])))
    frequencies = np.fft.rfftfreq(windows.shape[1], 1 / SAMPLE_RATE)
    return float(np.mean(spectra @ frequencies / spectra.sum(axis=1)))


def timbre(samples: Numbers) -> Numbers:
    """[13] mel-cepstral coefficients 1 to 13 of the mean log spectrum of what is not silent; zeros where all is.

    Coefficient 0, the loudness, is left out.
    """
    bands = mel.spectrogram(samples)[_loud(samples)]
    if not len(bands):
        return np.zeros(_CEPSTRA)
    mean = np.log(10) / 20 * bands.mean(axis=0)
    angles = np.outer(np.arange(1, _CEPSTRA + 1), (np.arange(mel.BANDS) + 0.5) * np.pi / mel.BANDS)
    cepstra: Numbers = 2 / mel.BANDS * np.cos(angles) @ mean
    return cepstra


def timbre_distance(one: Numbers, other: Numbers) -> float:
    """dB: the mel-cepstral distance, which is the RMS difference of two smoothed spectra."""
    return float(10 / np.log(10) * np.sqrt(2 * np.sum((one - other) ** 2)))


def _powers(samples: Numbers) -> Numbers:
    powers: Numbers = np.mean(mel.windows(samples) ** 2, axis=1)
    return powers


def _loud(samples: Numbers) -> NDArray[np.bool_]:
    powers = _powers(samples)
    loud: NDArray[np.bool_] = powers > max(powers.max() * 10 ** (-_QUIET_DB / 10), 10 ** (_FLOOR_DB / 10))
    return loud
