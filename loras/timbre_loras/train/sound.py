"""What is done to a recording before it is learnt from, and what is refused. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput

RATE: Final = 24_000
"""Hz: what codec and speaker encoder hear."""
Sound = NDArray[np.float32]
"""[samples], mono, -1 to 1."""

_WINDOW_S: Final = 0.02
_SILENT_DB: Final = -40.0
"""Below the loudest window: silence at the ends."""
_SPEECH_DB: Final = -25.0
"""Below the loudest window: what does not count as speech for its loudness."""
_PEAK: Final = 10 ** (-1 / 20)
_FULL_SCALE: Final = 0.999
_CLIPPED: Final = 0.001
"""Part of the samples at full scale from which on a recording is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a line may be; every field is a flag."""

    shortest: float = 0.8
    """Seconds, silence at the ends cut off."""

    longest: float = 20.0
    """Seconds, silence at the ends cut off: less than the engine speaks in one run."""

    most_characters: int = 240
    """Of a text: what the engine speaks in one run."""

    slowest: float = 4.0
    """Characters a second: below it, text and recording are hardly of each other."""

    fastest: float = 35.0
    """Characters a second."""

    loudness: float = -23.0
    """dBFS, the root mean square of what is speech; the peak is kept below -1 dBFS."""

    margin: float = 0.1
    """Seconds of silence that are left at both ends."""


def check_text(text: str, bounds: Bounds) -> None:
    """Raises InvalidInput where a text is empty or too long."""
    if not text.strip():
        raise InvalidInput("it has no text")
    if len(text) > bounds.most_characters:
        raise InvalidInput(f"its text has {len(text)} characters, more than {bounds.most_characters}")


def clean(sound: Sound, rate: int, text: str, bounds: Bounds) -> Sound:
    """A recording without silence at its ends, at the wanted loudness. Raises InvalidInput that says what is wrong."""
    if not len(sound) or not np.isfinite(sound).all() or np.abs(sound).max() < 1e-3:
        raise InvalidInput("nothing is heard in it")
    clipped = float((np.abs(sound) >= _FULL_SCALE).mean())
    if clipped > _CLIPPED:
        raise InvalidInput(f"it is clipped: {clipped:.1%} of its samples are at full scale")
    cut = trim(sound, rate, bounds.margin)
    seconds = len(cut) / rate
    if not bounds.shortest <= seconds <= bounds.longest:
        raise InvalidInput(f"it lasts {seconds:.1f} s, not {bounds.shortest:g} to {bounds.longest:g} s")
    pace = len(text) / seconds
    if not bounds.slowest <= pace <= bounds.fastest:
        raise InvalidInput(f"{pace:.1f} characters a second: text and recording are hardly of each other")
    return level(cut, rate, bounds.loudness)


def trim(sound: Sound, rate: int, margin: float) -> Sound:
    """Without silence at its ends, but for `margin` seconds."""
    levels, window = _levels(sound, rate)
    loud = np.flatnonzero(levels > levels.max() + _SILENT_DB)
    kept = round(margin * rate)
    return sound[max(0, loud[0] * window - kept) : (loud[-1] + 1) * window + kept]


def level(sound: Sound, rate: int, loudness: float) -> Sound:
    """At `loudness` dBFS where its peak allows."""
    found = measure(sound, rate)
    gain = min(10 ** ((loudness - found) / 20), _PEAK / float(np.abs(sound).max()))
    return (sound * gain).astype(np.float32)


def measure(sound: Sound, rate: int) -> float:
    """dBFS: the root mean square over the windows that are speech."""
    levels, _ = _levels(sound, rate)
    speech = levels[levels > levels.max() + _SPEECH_DB]
    return float(10 * np.log10(np.mean(10 ** (speech / 10))))


def _levels(sound: Sound, rate: int) -> tuple[NDArray[np.float64], int]:
    """dBFS of each window, and a window's samples; the last window is filled up with silence."""
    window = round(_WINDOW_S * rate)
    filled = np.pad(sound.astype(np.float64), (0, -len(sound) % window)).reshape(-1, window)
    return 10 * np.log10(np.mean(filled**2, axis=1) + 1e-12), window
