"""BCP 47 tags and the languages that a model has. Pure."""

from collections.abc import Mapping

from timbre_common.errors import InvalidInput
from timbre_common.languages import ANY, NAMES


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
