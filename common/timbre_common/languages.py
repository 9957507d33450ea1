"""BCP 47 tags and the names that Qwen3-TTS has for its languages."""

from collections.abc import Mapping
from typing import Final

NAMES: Final[Mapping[str, str]] = {
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "ja": "japanese",
    "ko": "korean",
    "pt": "portuguese",
    "ru": "russian",
    "zh": "chinese",
}

ANY: Final = "und"
"""BCP 47's tag for a language that is not known: the model finds out from the text."""
