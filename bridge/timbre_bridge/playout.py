"""When audio that was sent is due at the listener's ear: a clock that stands still while the stream is dry."""

from dataclasses import dataclass

from timbre_common.audio import SAMPLE_RATE


@dataclass
class Playout:
    """The playout of one stream at a listener that plays each sample as soon as it can."""

    samples: int = 0
    end: float = 0.0
    """Clock time, seconds, at which the last sample so far is due."""

    def append(self, samples: int, now: float) -> None:
        """`samples` more became playable at `now`."""
        self.end = max(self.end, now) + samples / SAMPLE_RATE
        self.samples += samples

    def position(self, now: float) -> int:
        """Samples due to have been played at `now`."""
        return max(0, self.samples - round(max(0.0, self.end - now) * SAMPLE_RATE))
