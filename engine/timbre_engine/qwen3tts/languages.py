"""BCP 47 tags and the names that the model has for its languages. Pure."""

from collections.abc import Mapping
from typing import Final

from timbre_common.errors import InvalidInput

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


def tags(known: Mapping[str, int]) -> tuple[str, ...]:
    """The tags of the model's languages."""
    return tuple(tag for tag, name in NAMES.items() if name in known)


def resolve(tag: str, known: Mapping[str, int]) -> str | None:
    """The model's name for a tag, whatever its region; None: it finds out by itself. Raises InvalidInput."""
    if tag.lower() == ANY:
        return None
    name = NAMES.get(tag.lower().partition("-")[0])
    if name is None or name not in known:
        raise InvalidInput(f"{tag!r} is not spoken by this model; it speaks {', '.join(tags(known))}", "language")
    return name


def token(name: str | None, speaker: str | None, known: Mapping[str, int], dialects: Mapping[str, str]) -> int | None:
    """The codec token of a language; None lets the model find out. A speaker's dialect takes the place of Chinese."""
    dialect = dialects.get(speaker or "")
    if dialect is not None and name in {None, "chinese"} and dialect in known:
        return known[dialect]
    return None if name is None else known[name]
