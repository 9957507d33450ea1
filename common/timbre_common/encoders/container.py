"""Ogg Opus and FLAC by FFmpeg (PyAV), written to memory as they come."""

from typing import Final

import av
import numpy as np

from timbre_common.audio import SAMPLE_RATE

_FLAC_FRAME: Final = "960"
"""Samples of a FLAC frame: 40 ms, where FFmpeg would wait for 96."""


class _Sink:
    """What FFmpeg writes to; it cannot seek, so nothing is ever written over."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data


class _Container:
    """One audio stream in a container."""

    def __init__(self, container: str, codec: str, container_options: dict[str, str], options: dict[str, str]) -> None:
        self._sink = _Sink()
        self._output = av.open(self._sink, "w", format=container, options={"flush_packets": "1", **container_options})
        self._stream: av.AudioStream = self._output.add_stream(  # type: ignore[assignment]
            codec, rate=SAMPLE_RATE, layout="mono", options=options
        )
        self._samples = 0

    def feed(self, pcm: bytes) -> bytes:
        """See Encoder."""
        if pcm:
            frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[None, :], format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            frame.pts = self._samples
            self._samples += frame.samples
            self._output.mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        """See Encoder."""
        self._output.mux(self._stream.encode(None))
        self._output.close()
        return self._sink.take()


class Opus(_Container):
    """Ogg Opus, 20 ms packets, each on a page of its own so that it leaves at once."""

    def __init__(self) -> None:
        super().__init__("ogg", "libopus", {"page_duration": "20000"}, {"b": "32000", "application": "voip"})


class Flac(_Container):
    """FLAC."""

    def __init__(self) -> None:
        super().__init__("flac", "flac", {}, {"frame_size": _FLAC_FRAME})
