"""BCP 47 tags to espeak-ng's languages."""

from collections.abc import Mapping

from timbre_common.errors import InvalidInput


def resolve(tag: str, known: Mapping[str, str], field: str = "language") -> str:
    """espeak-ng's voice for a tag: the exact one, else that of the same language anywhere.

    `known` maps tags in lower case to espeak-ng's voice names. Raises InvalidInput that names `field`.
    """
    parts = tag.lower().replace("_", "-").split("-")
    for length in range(len(parts), 0, -1):
        voice = known.get("-".join(parts[:length]))
        if voice is not None:
            return voice
    raise InvalidInput(f"{tag[:32]!r} is not a language that this engine speaks", field)
