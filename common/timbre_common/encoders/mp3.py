"""MP3 by LAME."""

from typing import Final

import lameenc

from timbre_common.audio import SAMPLE_RATE

_KBIT: Final = 96
_QUALITY: Final = 5
"""LAME's 0 (best, slowest) to 9."""


class Mp3:
    """A stream of MP3 frames, 24 ms each."""

    def __init__(self) -> None:
        self._lame = lameenc.Encoder()
        self._lame.set_in_sample_rate(SAMPLE_RATE)
        self._lame.set_channels(1)
        self._lame.set_bit_rate(_KBIT)
        self._lame.set_quality(_QUALITY)
        self._lame.silence()
        self._fed = False

    def feed(self, pcm: bytes) -> bytes:
        """See Encoder."""
        self._fed = True
        return bytes(self._lame.encode(pcm))

    def finish(self) -> bytes:
        """See Encoder."""
        return bytes(self._lame.flush()) if self._fed else b""
