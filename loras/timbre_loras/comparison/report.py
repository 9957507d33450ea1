"""What is measured of voices, and how far apart they are; as JSON it is `report.json`."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from timbre_loras.comparison import embedding, measures
from timbre_loras.comparison.embedding import Vectors

Samples = NDArray[np.int16]

NOT_ASKED: Final = (
    "not measured: the engine has no speaker encoder; --encoder names a checkpoint of the kind base, which has one, "
    "and measuring with it wants the extra train"
)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One voice over all lines. Pitch is None where nothing is voiced, the level where nothing is heard."""

    voice: str
    seconds: float
    pitch_hz: float | None
    pitch_low_hz: float | None
    pitch_high_hz: float | None
    pitch_range_semitones: float | None
    letters_per_second: float
    level_db: float | None
    brightness_hz: float
    embedding_spread: float | None = None
    """Cosine distance of its lines' x-vectors from their mean, on average; None where none was measured."""


class Distance(msgspec.Struct, frozen=True, kw_only=True):
    """How `other` differs from `one`: higher, faster (a factor), louder; and by how much in timbre, without a sign."""

    one: str
    other: str
    pitch_semitones: float | None
    rate_factor: float | None
    level_db: float | None
    timbre_db: float
    embedding: float | None = None
    """Cosine distance of the mean x-vectors; None where none was measured."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    engine: str
    language: str | None
    emotion: str | None
    lines: list[str]
    voices: list[Measured]
    distances: list[Distance]
    speaker_embedding: str
    """How it was measured, or why it was not."""


def measure(voice: str, lines: Sequence[str], spoken: Sequence[Samples], vectors: Vectors | None = None) -> Measured:
    """One voice that spoke these lines; `vectors` are their x-vectors, where there are any."""
    each = [_numbers(samples) for samples in spoken]
    whole = np.concatenate(each)
    pitch = measures.pitch(whole)
    seconds = sum(measures.speech_seconds(one) for one in each)
    letters = sum(character.isalnum() for line in lines for character in line)
    level = measures.level(whole)
    return Measured(
        voice=voice,
        seconds=round(seconds, 2),
        pitch_hz=None if pitch is None else round(pitch.median, 1),
        pitch_low_hz=None if pitch is None else round(pitch.low, 1),
        pitch_high_hz=None if pitch is None else round(pitch.high, 1),
        pitch_range_semitones=None if pitch is None else round(pitch.range, 1),
        letters_per_second=round(letters / seconds, 2) if seconds else 0.0,
        level_db=round(level, 1) if np.isfinite(level) else None,
        brightness_hz=round(measures.brightness(whole)),
        embedding_spread=None if vectors is None else round(embedding.spread(vectors), 4),
    )


def distances(
    voices: Sequence[Measured],
    spoken: Mapping[str, Sequence[Samples]],
    vectors: Mapping[str, Vectors] | None = None,
) -> list[Distance]:
    """Every pair of voices."""
    timbres = {name: measures.timbre(_numbers(np.concatenate(samples))) for name, samples in spoken.items()}
    return [
        Distance(
            one=one.voice,
            other=other.voice,
            pitch_semitones=_pitch_distance(one, other),
            rate_factor=_factor(one.letters_per_second, other.letters_per_second),
            level_db=None
            if one.level_db is None or other.level_db is None
            else round(other.level_db - one.level_db, 1),
            timbre_db=round(measures.timbre_distance(timbres[one.voice], timbres[other.voice]), 2),
            embedding=None
            if vectors is None
            else round(embedding.distance(vectors[one.voice], vectors[other.voice]), 6),
        )
        for one, other in itertools.combinations(voices, 2)
    ]


def _pitch_distance(one: Measured, other: Measured) -> float | None:
    if one.pitch_hz is None or other.pitch_hz is None:
        return None
    return round(measures.semitones(one.pitch_hz, other.pitch_hz), 1)


def _factor(one: float, other: float) -> float | None:
    return round(other / one, 2) if one and other else None


def _numbers(samples: Samples) -> NDArray[np.float64]:
    return samples.astype(np.float64) / 32768
