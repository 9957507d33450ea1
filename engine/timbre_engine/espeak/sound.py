"""espeak-ng's samples into the engine's: 22,050 to 24,000 Hz, gain, 16 bits. One of it an utterance."""

from typing import Final

import numpy as np
import soxr

from timbre_common.audio import SAMPLE_RATE
from timbre_engine.espeak.library import RATE

_QUALITY: Final = "LQ"
"""1 ms of delay against 40 of HQ, and flat to 8.5 kHz, above which espeak-ng has little."""


class Sound:
    """A stream of samples without a gap or a click between pieces. Beyond full scale it clips."""

    def __init__(self, gain: float) -> None:
        # Floats, as soxr's 16-bit output is dithered with a seed of its own: the same text would differ each time.
        self._resampler = soxr.ResampleStream(RATE, SAMPLE_RATE, 1, dtype="float32", quality=_QUALITY)
        self._gain = np.float32(gain)

    def feed(self, pcm: bytes, last: bool = False) -> bytes:
        """s16le at 22,050 Hz -> s16le at 24 kHz, as many samples as are ready."""
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) * self._gain
        made = self._resampler.resample_chunk(samples, last=last)
        clipped: np.ndarray = np.clip(np.rint(made), -32768, 32767)
        return clipped.astype("<i2").tobytes()
