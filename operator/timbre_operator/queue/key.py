"""What a pass is about."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Which of the reconciles it is."""

    ENGINE = "engine"
    """A SpeechEngine's objects."""
    VOICES = "voices"
    """What a SpeechEngine shall speak: its document, its pods' lists, and the profiles' statuses."""


class Key(NamedTuple):
    """One reconcile of one SpeechEngine; the SpeechEngine may be absent."""

    kind: Kind
    namespace: str
    engine: str
