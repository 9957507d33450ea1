"""Audio files as samples."""

import io
import wave
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray


def decoded(data: bytes) -> tuple[NDArray[np.float64], int]:
    """An audio file's samples in [-1, 1], and how many a second."""
    with av.open(io.BytesIO(data), "r") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    samples = np.concatenate(frames, axis=1)[0].astype(np.float64)
    return samples / (1 if np.issubdtype(frames[0].dtype, np.floating) else 32768), rate


def wav(sound: NDArray[np.floating[Any]], rate: int) -> bytes:
    """Samples in [-1, 1], mono, as a WAV file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, rate, 0, "NONE", ""))
        written.writeframes(np.rint(32767 * sound).astype("<i2").tobytes())
    return file.getvalue()


def samples(pcm: bytes) -> NDArray[np.int32]:
    """s16le samples, wide enough to be subtracted."""
    return np.frombuffer(pcm, "<i2").astype(np.int32)


def longest_silence(pcm: bytes) -> int:
    """Samples of the longest stretch of zeros in s16le."""
    sounding = np.flatnonzero(np.concatenate([[1], samples(pcm), [1]]))
    return int(np.diff(sounding).max()) - 1
