"""An utterance's audio, captions and end, as listeners read them.

The maker appends; every listener reads at a cursor of its own. Frames are cut and encoded once and shared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from timbre_bridge.heard import Mark, heard_text
from timbre_bridge.playout import Playout
from timbre_bridge.track import Track
from timbre_bridge.utterance import Utterance
from timbre_common.audio import BYTES_PER_SAMPLE, ms_of_samples
from timbre_common.frame import Encoding
from timbre_common.protocol import ContextCancelled, DoneReason

SOUND_THRESHOLD: Final = round(32_768 * 10 ** (-50 / 20))
"""A sample above this magnitude is sound: -50 dBFS."""


@dataclass
class FirstSent:
    """When the first frame, and the first frame with sound in it, left for any listener; monotonic seconds."""

    frame_at: float | None = None
    sound_at: float | None = None


class Recording:
    """What has been made of an utterance so far.

    `changed` is called after every change. Appending after the end is nothing: the end is final.
    """

    def __init__(self, utterance: Utterance, stream_id: int, changed: Callable[["Recording"], None]) -> None:
        self.utterance = utterance
        self.stream_id = stream_id
        self.pcm = bytearray()
        self.marks: list[Mark] = []
        self.playout = Playout()
        self.announced = False
        """tts_start was published."""
        self.made = False
        """The maker is done; nothing is appended any more."""
        self.air_at: float | None = None
        """When it got the floor."""
        self.waited = False
        """Whether it had to wait for the floor."""
        self.end: DoneReason | None = None
        self.cancelled: ContextCancelled | None = None
        self.first_sound: int | None = None
        """First sample above -50 dBFS."""
        self.first_sent: FirstSent | None = FirstSent()
        """None where nobody listened when it began: then there is no time to first byte."""
        self._changed = changed
        self._tracks: dict[tuple[Encoding, int], Track] = {}

    @property
    def context_id(self) -> str:
        """The utterance's context."""
        return self.utterance.context_id

    @property
    def samples(self) -> int:
        """Samples made so far."""
        return len(self.pcm) // BYTES_PER_SAMPLE

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.end is not None

    def append(self, pcm: bytes, now: float) -> None:
        """More audio: s16le mono 24 kHz."""
        if self.over or self.made or not pcm:
            return
        before = self.samples
        self.pcm += pcm
        if self.first_sound is None:
            loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > SOUND_THRESHOLD)
            if loud.size:
                self.first_sound = before + int(loud[0])
        if self.air_at is not None:
            self.playout.append(self.samples - before, now)
        for track in self._tracks.values():
            track.extend(self.pcm, final=False)
        self._changed(self)

    def mark(self, mark: Mark) -> None:
        """More captions. A mark without text, between two words of an estimate, tells listeners nothing."""
        if mark.text and not self.over:
            self.marks.append(mark)
            self._changed(self)

    def air(self, now: float) -> None:
        """The utterance has the floor: listeners may hear it."""
        self.air_at = now
        if self.samples:
            self.playout.append(self.samples, now)
        self._changed(self)

    def complete(self) -> None:
        """The maker is done; listeners get the last frame."""
        self.made = True
        for track in self._tracks.values():
            track.extend(self.pcm, final=True)
        self._changed(self)

    def finish(self, reason: DoneReason) -> None:
        """The utterance is over, for this reason."""
        if not self.over:
            self.end = reason
            self.complete()

    def cancel(self, played_ms: float | None, now: float) -> ContextCancelled:
        """Cut it short. `played_ms`: what the listener who cut it says it played; None: taken from the clock."""
        due = ms_of_samples(self.playout.position(now))
        heard = min(ms_of_samples(self.samples), due if played_ms is None else round(played_ms))
        self.cancelled = ContextCancelled(
            context_id=self.context_id,
            heard_ms=heard,
            heard_text=heard_text(self.marks, heard),
            estimated=played_ms is None or any(mark.estimated for mark in self.marks),
        )
        self.finish(DoneReason.CANCELLED)
        return self.cancelled

    def track(self, encoding: Encoding, first_sample: int) -> Track:
        """Frames from `first_sample` on; the one from the start is shared by all listeners."""
        key = (encoding, first_sample)
        track = self._tracks.get(key)
        if track is None:
            track = Track(encoding, self.stream_id, first_sample)
            track.extend(self.pcm, final=self.made)
            self._tracks[key] = track
        return track

    def release(self) -> None:
        """Drop frames cut for resumed listeners; called when none reads any more."""
        self._tracks = {key: track for key, track in self._tracks.items() if key[1] == 0}

    @property
    def kept_bytes(self) -> int:
        """Bytes that it holds."""
        return len(self.pcm) + sum(track.bytes for track in self._tracks.values())
