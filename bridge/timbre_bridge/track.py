"""Frames of one utterance in one encoding, from one sample on: cut once, shared by every listener of that track.

The first frame holds what there is, so that sound leaves at once; later ones hold 80 ms.
"""

from dataclasses import dataclass
from typing import Final

from timbre_bridge.opus import PACKET_SAMPLES, OpusEncoder
from timbre_common.audio import BYTES_PER_SAMPLE
from timbre_common.frame import Encoding, Flag, Frame

FRAME_SAMPLES: Final = 1_920
"""80 ms: a codec frame of the model, and what one message carries."""


@dataclass(frozen=True, slots=True)
class SentFrame:
    """A frame as it travels. `end`: the position behind its last sample."""

    end: int
    data: bytes


class Track:
    """Frames cut from an utterance's PCM as it grows."""

    def __init__(self, encoding: Encoding, stream_id: int, first_sample: int) -> None:
        self.encoding = encoding
        self.first_sample = first_sample
        self.frames: list[SentFrame] = []
        self.bytes = 0
        self.complete = False
        self._stream_id = stream_id
        self._next = first_sample
        self._opus = OpusEncoder() if encoding is Encoding.OPUS else None
        self._read = first_sample

    @property
    def pre_skip(self) -> int:
        """Samples at 24 kHz that a decoder drops at the start."""
        return self._opus.pre_skip if self._opus else 0

    def extend(self, pcm: bytearray, *, final: bool) -> None:
        """Cut what `pcm`, the utterance's audio from its start, newly holds. `final`: no more comes."""
        if self.complete:
            return
        if self._opus:
            self._extend_opus(self._opus, pcm, final=final)
        else:
            self._extend_pcm(pcm, final=final)
        if final:
            self.complete = True
            if not self.frames or not self.frames[-1].data[3] & Flag.LAST:
                self._add(0, b"", Flag.LAST)

    def _extend_pcm(self, pcm: bytearray, *, final: bool) -> None:
        total = len(pcm) // BYTES_PER_SAMPLE
        while self._next < total:
            left = total - self._next
            if left < FRAME_SAMPLES and self.frames and not final:
                return
            samples = min(left, FRAME_SAMPLES)
            payload = bytes(memoryview(pcm)[self._next * BYTES_PER_SAMPLE : (self._next + samples) * BYTES_PER_SAMPLE])
            self._add(samples, payload, Flag.LAST if final and samples == left else Flag.NONE)

    def _extend_opus(self, opus: OpusEncoder, pcm: bytearray, *, final: bool) -> None:
        total = len(pcm) // BYTES_PER_SAMPLE
        fresh = bytes(memoryview(pcm)[self._read * BYTES_PER_SAMPLE :]) if total > self._read else b""
        self._read = max(self._read, total)
        for packet in opus.encode(fresh, final=final):
            # What a packet adds, once pre_skip is dropped: the first is shorter by it, the last ends with the audio.
            samples = PACKET_SAMPLES - (opus.pre_skip if not self.frames else 0)
            samples = min(samples, total - self._next)
            if samples > 0:
                last = final and self._next + samples == total
                self._add(samples, packet, Flag.LAST if last else Flag.NONE)

    def _add(self, samples: int, payload: bytes, flags: Flag) -> None:
        if not self.frames:
            flags |= Flag.FIRST
        data = Frame(self._stream_id, self._next, samples, payload, self.encoding, flags).encode()
        self._next += samples
        self.frames.append(SentFrame(self._next, data))
        self.bytes += len(data)
