"""Samples as they are, bare or behind a WAV header."""

from struct import pack
from typing import Final

from timbre_common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE

_UNKNOWN: Final = 0xFFFFFFFF
"""A WAV header's size where the length is not known yet."""


class Pcm:
    """The samples."""

    def feed(self, pcm: bytes) -> bytes:
        """See Encoder."""
        return pcm

    def finish(self) -> bytes:
        """See Encoder."""
        return b""


class Wav:
    """The samples behind a header for streams: its sizes say that the length is not known."""

    def __init__(self) -> None:
        self._header = wav_header()

    def feed(self, pcm: bytes) -> bytes:
        """See Encoder."""
        header, self._header = self._header, b""
        return header + pcm

    def finish(self) -> bytes:
        """See Encoder."""
        return self.feed(b"")


def wav_header(pcm_bytes: int | None = None) -> bytes:
    """44 bytes: RIFF, 16-bit mono PCM at 24 kHz, for so many bytes of it; None: sizes unknown."""
    riff, data = (_UNKNOWN, _UNKNOWN) if pcm_bytes is None else (pcm_bytes + 36, pcm_bytes)
    format_chunk = pack(
        "<IHHIIHH", 16, 1, 1, SAMPLE_RATE, SAMPLE_RATE * BYTES_PER_SAMPLE, BYTES_PER_SAMPLE, 8 * BYTES_PER_SAMPLE
    )
    return b"RIFF" + pack("<I", riff) + b"WAVEfmt " + format_chunk + b"data" + pack("<I", data)
