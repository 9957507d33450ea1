"""The binary audio message of `timbre.v1`: a 16-byte little-endian header and a payload."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct
from typing import Final

from timbre_common.audio import BYTES_PER_SAMPLE, samples_of_ms
from timbre_common.errors import InvalidInput

VERSION: Final = 1
KIND_AUDIO: Final = 1
MAX_SAMPLES: Final = samples_of_ms(320)
"""Most samples that one frame carries."""

_HEADER = Struct("<BBBBIIHH")
HEADER_BYTES: Final = _HEADER.size


class Encoding(IntEnum):
    """How a frame's payload is encoded; the member's name in lower case is its name in JSON."""

    S16LE = 0
    OPUS = 2


class Flag(IntFlag):
    """Bits of a frame's flags."""

    NONE = 0
    FIRST = 1
    LAST = 2
    DISCONTINUITY = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One audio message. Positions are samples at 24 kHz from the utterance's start, whatever the encoding."""

    stream_id: int
    first_sample: int
    n_samples: int
    payload: bytes | memoryview
    encoding: Encoding = Encoding.S16LE
    flags: Flag = Flag.NONE
    epoch: int = 1

    def encode(self) -> bytes:
        """The frame's bytes. Raises InvalidInput where the frame breaks the protocol's bounds."""
        _check(self)
        header = _HEADER.pack(
            VERSION,
            KIND_AUDIO,
            self.encoding,
            self.flags,
            self.stream_id,
            self.first_sample,
            self.n_samples,
            self.epoch,
        )
        return header + self.payload


def decode(data: bytes) -> Frame | None:
    """The frame in `data`; None for a version or kind that this code does not know, which clients ignore.

    Raises InvalidInput for a frame of a known kind that is malformed.
    """
    if len(data) < HEADER_BYTES:
        raise InvalidInput(f"a frame has at least {HEADER_BYTES} bytes, this one {len(data)}", "frame")
    version, kind, encoding, flags, stream_id, first_sample, n_samples, epoch = _HEADER.unpack_from(data)
    if version != VERSION or kind != KIND_AUDIO:
        return None
    try:
        known = Encoding(encoding)
    except ValueError:
        raise InvalidInput(f"0 (s16le) or 2 (opus) is right, not {encoding}", "encoding") from None
    frame = Frame(stream_id, first_sample, n_samples, data[HEADER_BYTES:], known, Flag(flags & 0x7), epoch)
    _check(frame)
    return frame


def _check(frame: Frame) -> None:
    if not 0 <= frame.n_samples <= MAX_SAMPLES:
        raise InvalidInput(f"0 to {MAX_SAMPLES} is right, not {frame.n_samples}", "n_samples")
    if not frame.n_samples and not frame.flags & Flag.LAST:
        raise InvalidInput("0 is right only together with the flag `last`", "n_samples")
    if frame.encoding is Encoding.S16LE and len(frame.payload) != frame.n_samples * BYTES_PER_SAMPLE:
        raise InvalidInput(
            f"{frame.n_samples} samples are {frame.n_samples * 2} bytes, not {len(frame.payload)}", "payload"
        )
    for name, value, bits in (
        ("stream_id", frame.stream_id, 32),
        ("first_sample", frame.first_sample, 32),
        ("epoch", frame.epoch, 16),
    ):
        if not 0 <= value < 1 << bits:
            raise InvalidInput(f"a whole number below 2**{bits} is right, not {value}", name)
