"""Speaking faster or slower at the same pitch: ffmpeg's `atempo`, fed as a stream."""

import math
from itertools import pairwise
from typing import Final

import av
import numpy as np
from av.filter import Graph

from timbre_common.audio import SAMPLE_RATE

_OCTAVE: Final = 2.0
"""What one filter changes at most, either way: beyond, it is too slow for it or drops samples."""


class Stretch:
    """s16le mono at 24 kHz in and out; about 40 ms of it stay inside until `last`."""

    def __init__(self, speed: float) -> None:
        """`speed` multiplies the pace; it is above 0 and not 1."""
        graph = Graph()
        source = graph.add_abuffer(format="s16", sample_rate=SAMPLE_RATE, layout="mono")
        stages = math.ceil(abs(math.log(speed, _OCTAVE)))
        tempos = [graph.add("atempo", f"{speed ** (1 / stages):.6f}") for _ in range(stages)]
        shape = graph.add("aformat", f"sample_fmts=s16:sample_rates={SAMPLE_RATE}:channel_layouts=mono")
        sink = graph.add("abuffersink")
        for one, two in pairwise([source, *tempos, shape, sink]):
            one.link_to(two)
        graph.configure()
        self._graph = graph

    def feed(self, pcm: bytes, *, last: bool = False) -> bytes:
        """The samples that are ready."""
        if pcm:
            frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, np.int16)[None], format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            self._graph.push(frame)
        if last:
            self._graph.push(None)
        return self._drain(self._graph)

    @staticmethod
    def _drain(graph: Graph) -> bytes:
        ready = b""
        while True:
            try:
                frame = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return ready
            assert isinstance(frame, av.AudioFrame)
            ready += frame.to_ndarray().tobytes()
