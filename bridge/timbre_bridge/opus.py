"""Opus packets from PCM, by libopus through PyAV."""

from typing import Final

import av
import numpy as np

from timbre_common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE

PACKET_SAMPLES: Final = 480
"""20 ms at 24 kHz."""


class OpusEncoder:
    """Encodes one mono stream at 24 kHz to packets of 20 ms, about 32 kbit/s."""

    def __init__(self) -> None:
        context = av.CodecContext.create("libopus", "w")
        context.sample_rate = SAMPLE_RATE
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = 32_000
        context.options = {"application": "voip", "frame_duration": "20"}
        context.open()
        self._context = context
        self._rest = b""
        self._position = 0
        head = bytes(context.extradata or b"")
        # OpusHead holds the encoder's delay in samples at 48 kHz, at offset 10 (RFC 7845).
        self.pre_skip = int.from_bytes(head[10:12], "little") * SAMPLE_RATE // 48_000

    def encode(self, pcm: bytes, *, final: bool) -> list[bytes]:
        """Packets that `pcm` (s16le) completes; with `final` also the padded rest, down to the last sample."""
        data = self._rest + pcm
        packet_bytes = PACKET_SAMPLES * BYTES_PER_SAMPLE
        if final:
            data += bytes(self.pre_skip * BYTES_PER_SAMPLE)
            data += bytes(-len(data) % packet_bytes)
        whole = len(data) - len(data) % packet_bytes
        self._rest = data[whole:]
        packets: list[bytes] = []
        for start in range(0, whole, packet_bytes):
            packets += self._encode(data[start : start + packet_bytes])
        if final:
            packets += [bytes(packet) for packet in self._context.encode(None)]
        return packets

    def _encode(self, pcm: bytes) -> list[bytes]:
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._position
        self._position += PACKET_SAMPLES
        return [bytes(packet) for packet in self._context.encode(frame)]
