"""A voice's prosody in espeak-ng's numbers."""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from timbre_common.voiceprofile import Prosody

_PITCH: Final = (
    (-7.0, 0),
    (-5.7, 10),
    (-4.5, 20),
    (-3.1, 30),
    (-1.6, 40),
    (0.0, 50),
    (1.7, 60),
    (3.5, 70),
    (5.4, 80),
    (7.3, 90),
    (8.9, 100),
)
"""Semitones of the median F0 -> espeak-ng's pitch, measured over its variants (within a semitone of each other)."""

_RATE: Final = (
    (0.45, 80),
    (0.54, 100),
    (0.667, 120),
    (0.80, 140),
    (1.0, 170),
    (1.2, 200),
    (1.41, 230),
    (1.64, 260),
    (1.95, 300),
    (2.36, 340),
    (2.9, 450),
    (3.25, 500),
    (3.9, 600),
    (5.9, 900),
)
"""Speed (reference duration by duration) -> espeak-ng's words a minute, measured in French and English."""

VARIANTS: Final = ("f2", "m3", "linda", "m7", "belinda", "m1", "f5", "m8", "Andrea", "max", "steph", "f1")
"""What a voice without a variant of its own is given one of: all intelligible, and clearly different."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the library is given."""

    rate: int
    pitch: int
    gain: float


def numbers(prosody: Prosody, speed: float) -> Numbers:
    """espeak-ng's numbers for an effective prosody; `speed` multiplies.

    espeak-ng reaches from -7 to +9 semitones and from 0.45 to 5.9 times its ordinary pace: beyond, its bound is taken.
    """
    return Numbers(
        rate=round(_interpolate(_RATE, prosody.speed * speed)),
        pitch=round(_interpolate(_PITCH, prosody.pitch)),
        gain=10 ** (prosody.gain / 20),
    )


def variant(name: str, prosody: Prosody) -> str:
    """The voice's variant: its own, otherwise one that depends on nothing but its name."""
    if prosody.variant is not None:
        return prosody.variant
    return VARIANTS[hashlib.sha256(name.encode()).digest()[0] % len(VARIANTS)]


def _interpolate(table: Sequence[tuple[float, int]], x: float) -> float:
    index = bisect_left(table, x, key=lambda row: row[0])
    if index == 0:
        return table[0][1]
    if index == len(table):
        return table[-1][1]
    (x0, y0), (x1, y1) = table[index - 1], table[index]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
