"""A directory, such as the mounted volume that engines read: each file appears whole, under its name."""

from collections.abc import Sequence
from pathlib import Path

from timbre_common.errors import SetupError
from timbre_loras import atomic
from timbre_loras.publishing.source import Place, Source


def put(sources: Sequence[Source], directory: Path) -> Place:
    """Copy the files; where the last lies then. Raises SetupError, InvalidInput where one changes meanwhile."""
    if not directory.is_dir():
        raise SetupError(f"{directory} is no directory")
    for source in sources:
        with atomic.replacing(directory / source.name) as partial, partial.open("wb") as file:
            file.writelines(source.blocks())
    return Place(str(directory / sources[-1].name))
