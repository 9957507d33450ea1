"""A spectrogram as a PNG, without a library for pictures."""

import zlib
from struct import pack
from typing import Final

import numpy as np
from numpy.typing import NDArray

_TALL: Final = 2
"""Pixels a band."""
_RANGE_DB: Final = 70.0
"""What lies between black and the brightest colour."""
_COLOURS: Final = ((0, 0, 4), (59, 15, 112), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191))
"""Dark to bright, evenly spaced; as bright in grey as in colour."""


def spectrogram(bands: NDArray[np.float64]) -> bytes:
    """A PNG of [windows, bands] in dB: time to the right, a pixel a window, high bands above."""
    above = 1 + (bands.T[::-1] - bands.max()) / _RANGE_DB
    steps = np.linspace(0, 1, len(_COLOURS))
    colours = np.stack([np.interp(above, steps, channel) for channel in np.transpose(_COLOURS)], axis=-1)
    return png(np.repeat(np.rint(colours).astype(np.uint8), _TALL, axis=0))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of [height, width, 3] pixels."""
    height, width, _ = pixels.shape
    rows = np.pad(pixels.reshape(height, 3 * width), ((0, 0), (1, 0)))  # each begins with its filter: none
    header = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
