"""What tells voices apart: how high, how long, how bright."""

import numpy as np
from numpy.typing import NDArray

from timbre_common.audio import SAMPLE_RATE

_WINDOW = SAMPLE_RATE // 25
_HOP = SAMPLE_RATE // 100
_SILENCE = 300.0
_LOWEST, _HIGHEST = 60, 500


def samples_of(pcm: bytes) -> NDArray[np.float64]:
    """s16le as numbers."""
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def median_pitch(pcm: bytes) -> float:
    """Hz, the median of the voiced windows of 40 ms, by autocorrelation."""
    found = [pitch for window in _loud(samples_of(pcm)) if (pitch := _pitch(window)) is not None]
    return float(np.median(found))


def brightness(pcm: bytes) -> float:
    """Hz, the mean spectral centroid."""
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    spectra = [np.abs(np.fft.rfft(window * np.hanning(_WINDOW))) for window in _loud(samples_of(pcm))]
    return float(np.mean([(spectrum * frequencies).sum() / spectrum.sum() for spectrum in spectra]))


def seconds(pcm: bytes) -> float:
    """How long it lasts."""
    return len(pcm) / 2 / SAMPLE_RATE


def _loud(samples: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    windows = [samples[start : start + _WINDOW] for start in range(0, len(samples) - _WINDOW, _HOP)]
    return [window - window.mean() for window in windows if np.sqrt(np.mean(window**2)) > _SILENCE]


def _pitch(window: NDArray[np.float64]) -> float | None:
    correlation = np.correlate(window, window, "full")[_WINDOW - 1 :] / (np.arange(_WINDOW, 0, -1) / _WINDOW)
    lags = correlation[SAMPLE_RATE // _HIGHEST : SAMPLE_RATE // _LOWEST] / correlation[0]
    best = float(lags.max())
    if best < 0.5:
        return None
    inner = lags[1:-1]
    peaks = np.nonzero((inner > 0.85 * best) & (inner >= lags[:-2]) & (inner >= lags[2:]))[0]
    lag = (int(peaks[0]) + 1 if len(peaks) else int(lags.argmax())) + SAMPLE_RATE // _HIGHEST
    return SAMPLE_RATE / lag
