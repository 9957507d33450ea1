"""A directory, such as the mounted volume that engines read: the file appears whole, under its name."""

from pathlib import Path

from timbre_common.errors import SetupError
from timbre_loras import atomic
from timbre_loras.publishing.source import Source


def put(source: Source, directory: Path) -> str:
    """Copy the file; where it lies then. Raises SetupError, InvalidInput where the file changes meanwhile."""
    if not directory.is_dir():
        raise SetupError(f"{directory} is no directory")
    path = directory / source.name
    with atomic.replacing(path) as partial, partial.open("wb") as file:
        for block in source.blocks():
            file.write(block)
    return str(path)
