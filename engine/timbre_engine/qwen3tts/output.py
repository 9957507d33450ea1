"""What a stream's frames become: samples at its speed and loudness, and marks that say when which text is spoken."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, ms_of_samples
from timbre_engine.backend import Audio, Event, Mark

if TYPE_CHECKING:
    from timbre_engine.qwen3tts.stretch import Stretch

CHARACTERS_A_SECOND: Final = 15.0
"""How fast text is thought to be spoken at speed 1; what is left of a run's text goes with its last samples."""
_MAX_BYTES: Final = 9_600
"""Of one Audio event: 200 ms."""
_HEARD: Final = 0.005
"""A speed nearer to 1 is 1."""


class Output:
    """One stream's: chunks in their order, events out. Marks are estimates, since the model tells no times."""

    def __init__(self, gain_db: float, speed: float) -> None:
        self._factor = 32767.0 * 10.0 ** (gain_db / 20)
        self.speed = speed if abs(speed - 1.0) >= _HEARD else 1.0
        """How many samples that go in make one that comes out."""
        self._stretch = _stretch(self.speed)
        self._rate = CHARACTERS_A_SECOND * self.speed / SAMPLE_RATE
        self.samples = 0
        """Given so far."""
        self._words: list[str] = []
        self._due = 0.0
        """Characters whose time has come and that are not marked yet."""

    def chunk(self, pcm: NDArray[np.float32], words: list[str], *, last: bool) -> list[Event]:
        """Samples in [-1, 1] and the text that came since; `last`: of their run. A mark comes before its audio."""
        self._words += words
        data = np.clip(np.rint(pcm * self._factor), -32768, 32767).astype("<i2").tobytes()
        return self._events(data if self._stretch is None else self._stretch.feed(data), whole=last)

    def pause(self, seconds: float, text: str) -> list[Event]:
        """So much silence as it is heard, whatever the speed."""
        return self.chunk(np.zeros(round(seconds * self.speed * SAMPLE_RATE), np.float32), [text], last=True)

    def rest(self, text: str) -> list[Event]:
        """The stream's end: samples still inside, and text without anything to say that came after the last run."""
        data = b"" if self._stretch is None else self._stretch.feed(b"", last=True)
        self._words += [text] if text and (data or self.samples) else []
        return self._events(data, whole=True) if data or self._words else []

    def _events(self, data: bytes, *, whole: bool) -> list[Event]:
        samples = len(data) // BYTES_PER_SAMPLE
        start, self.samples = self.samples, self.samples + samples
        text = self._spoken(samples, whole=whole)
        mark = Mark(text, ms_of_samples(start), ms_of_samples(self.samples), estimated=True)
        events: list[Event] = [mark] if text or samples else []
        return events + [Audio(data[at : at + _MAX_BYTES]) for at in range(0, len(data), _MAX_BYTES)]

    def _spoken(self, samples: int, *, whole: bool) -> str:
        self._due += self._rate * samples
        count = 0
        while count < len(self._words) and (whole or len(self._words[count]) <= self._due):
            self._due -= len(self._words[count])
            count += 1
        if whole:
            self._due = 0.0
        text, self._words = "".join(self._words[:count]), self._words[count:]
        return text


def _stretch(speed: float) -> "Stretch | None":
    if speed == 1.0:
        return None
    from timbre_engine.qwen3tts.stretch import Stretch  # only here: ffmpeg takes 16 MB, which few engines need

    return Stretch(speed)
