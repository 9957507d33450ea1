"""One utterance on one connection: a cursor into a recording, paced by what was played."""

from collections.abc import Iterator
from dataclasses import dataclass

from timbre_bridge.recording import Recording
from timbre_bridge.track import SentFrame
from timbre_common.audio import SAMPLE_RATE, samples_of_ms
from timbre_common.frame import Encoding
from timbre_common.protocol import AudioDone, AudioStart, Caption, DoneReason


@dataclass(frozen=True)
class Limits:
    """Flow control of a listener. ahead, max_lag: seconds; queue: bytes."""

    ahead: float
    max_lag: float
    queue: int


class Stream:
    """What one listener has been sent of one recording."""

    def __init__(self, recording: Recording, encoding: Encoding, first_sample: int, now: float, limits: Limits) -> None:
        self.recording = recording
        self.first_sample = first_sample
        self._track = recording.track(encoding, first_sample)
        self._limits = limits
        self._joined = now
        self._next_frame = 0
        self._next_mark = sum(samples_of_ms(mark.end_ms) <= first_sample for mark in recording.marks)
        self._announced = False
        self._sent = first_sample
        self._played: int | None = None
        self._underruns = 0
        self.reported = False
        """The listener has said when it played the first sample."""

    def played(self, played_ms: float) -> None:
        """The listener says how far it has played, ms."""
        self._played = max(self._played or 0, samples_of_ms(played_ms))

    def underruns(self, total: int) -> int:
        """New underruns, of `total` that the listener counted on this stream."""
        fresh = max(0, total - self._underruns)
        self._underruns += fresh
        return fresh

    def due(self, now: float, *, captions: bool) -> Iterator[AudioStart | Caption | AudioDone | SentFrame]:
        """What may be sent now, in order. Ask again after each piece was sent, or when `next_due` says."""
        recording = self.recording
        frames = self._track.frames
        if recording.end is DoneReason.REPLACED:
            yield AudioDone(context_id=recording.context_id, samples=recording.samples, reason=recording.end)
            return
        if not self._announced and frames and recording.samples:
            self._announced = True
            yield self._start(now)
        while captions and self._announced and self._next_mark < len(recording.marks):
            mark = recording.marks[self._next_mark]
            self._next_mark += 1
            yield Caption(
                context_id=recording.context_id,
                text=mark.text,
                start_ms=mark.start_ms,
                end_ms=mark.end_ms,
                estimated=mark.estimated,
            )
        while self._announced and self._next_frame < len(frames) and self._sent < self._allowed(now):
            frame = frames[self._next_frame]
            self._next_frame += 1
            self._sent = frame.end
            yield frame
        if recording.end is not None and (not self._announced or self._next_frame == len(frames)):
            yield AudioDone(context_id=recording.context_id, samples=recording.samples, reason=recording.end)

    def next_due(self, now: float) -> float | None:
        """When more may be sent though nothing changes; None: only after a change."""
        if self._next_frame >= len(self._track.frames) or self._played is not None:
            return None
        return now + max(0.0, (self._sent - self._allowed(now)) / SAMPLE_RATE) + 0.005

    def lag(self, now: float) -> float:
        """Seconds of audio that could have been sent, and should be playing, but were not."""
        frames = self._track.frames
        if not frames:
            return 0.0
        schedule = self.first_sample + round((now - self._joined) * SAMPLE_RATE)
        return max(0, min(frames[-1].end, schedule, self._allowed(now)) - self._sent) / SAMPLE_RATE

    @property
    def unsent_frames(self) -> int:
        """Frames that were cut and not sent."""
        return len(self._track.frames) - self._next_frame

    def _allowed(self, now: float) -> int:
        """The position up to which frames may leave."""
        played = self._played
        if played is None:
            played = self.first_sample + round((now - self._joined) * SAMPLE_RATE)
        return played + round(self._limits.ahead * SAMPLE_RATE)

    def _start(self, now: float) -> AudioStart:
        utterance = self.recording.utterance
        return AudioStart(
            context_id=self.recording.context_id,
            stream_id=self.recording.stream_id,
            agent_id=utterance.agent_id,
            room=utterance.room,
            emotion=utterance.emotion,
            encoding=self._track.encoding.name.lower(),
            sample_rate=SAMPLE_RATE,
            epoch=1,
            first_sample=self.first_sample,
            pre_skip=self._track.pre_skip,
            ttfb_ms=round((now - utterance.received_at) * 1000, 1),
        )
