"""Units of audio: mono signed 16-bit little-endian PCM at 24 kHz everywhere."""

from typing import Final

SAMPLE_RATE: Final = 24_000
"""Samples a second."""

BYTES_PER_SAMPLE: Final = 2


def samples_of_ms(ms: float) -> int:
    """Samples that `ms` milliseconds hold, rounded to the nearest."""
    return round(ms * SAMPLE_RATE / 1000)


def ms_of_samples(samples: int) -> int:
    """Whole milliseconds that `samples` last, rounded down."""
    return samples * 1000 // SAMPLE_RATE


def seconds_of_samples(samples: int) -> float:
    """Seconds that `samples` last."""
    return samples / SAMPLE_RATE
