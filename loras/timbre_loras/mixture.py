"""What a merged adapter is as a voice: its speaker, language, licence, from the files that it is mixed of."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from timbre_common import adapters, blends, mixing
from timbre_common.errors import InvalidInput
from timbre_loras.adapter_gguf import AdapterGguf
from timbre_loras.writer import Metadata

Row = Callable[[str], NDArray[np.float32]]
"""A speaker's name -> the base's vector of it [hidden]."""


class Share(NamedTuple):
    """A file, and how much of it."""

    file: AdapterGguf
    weight: float


def parse(text: str) -> tuple[str, float]:
    """`a.gguf:0.7` as a path and a weight. Raises InvalidInput."""
    path, _, weight = text.rpartition(":")
    try:
        number = float(weight)
    except ValueError:
        number = 0.0
    if not path or not 0 < number <= blends.MOST_WEIGHT:
        raise InvalidInput(f"FILE:WEIGHT is right, a weight above 0 and up to {blends.MOST_WEIGHT:g}", text)
    return path, number


def metadata(shares: Sequence[Share], row: Row, *, name: str, agent: str, licence: str) -> Metadata:
    """As the engine blends voices: the speaker is the mean by weight, the rest is the heaviest's.

    Raises InvalidInput where the files are for different bases.
    """
    heaviest = max(shares, key=lambda share: share.weight).file
    for file, _ in shares:
        if file.base_digest != heaviest.base_digest:
            raise InvalidInput(
                f"{file.path.name} was made for {file.base_digest}, {heaviest.path.name} for {heaviest.base_digest}",
                adapters.KEY_BASE_DIGEST,
            )
    speaker, vector = _speaker(shares, row)
    licences = sorted({file.text(adapters.KEY_LICENCE) for file, _ in shares} - {""})
    return Metadata(
        name=name,
        agent=agent,
        base_digest=heaviest.base_digest,
        base_name=heaviest.text(adapters.KEY_BASE_NAME),
        base_kind=heaviest.text(adapters.KEY_BASE_KIND),
        speaker=speaker,
        language=heaviest.text(adapters.KEY_LANGUAGE),
        layout=heaviest.text(adapters.KEY_LAYOUT),
        source_alpha=None,
        licence=licence or " AND ".join(licences),
        source_digest="",
        x_vector=vector,
        merged_from=tuple(
            f"{weight:g} {file.digest} {file.text(adapters.KEY_NAME) or file.path.stem}" for file, weight in shares
        ),
    )


def _speaker(shares: Sequence[Share], row: Row) -> tuple[str, NDArray[np.float32] | None]:
    """A name where all that have a voice have this one, else a vector."""
    voices = [(file.x_vector, file.text(adapters.KEY_SPEAKER), weight) for file, weight in shares]
    names = {speaker if vector is None else "" for vector, speaker, _ in voices if vector is not None or speaker}
    if len(names) == 1 and (only := names.pop()):
        return only, None
    vectors = [(row(speaker) if vector is None and speaker else vector, weight) for vector, speaker, weight in voices]
    return "", mixing.mean_vector(vectors)
