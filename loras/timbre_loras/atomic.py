"""Files that are there whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from timbre_common.errors import SetupError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside it to write to; put in `path`'s place by one rename at the end, and gone after a failure.

    Raises SetupError where it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        try:
            yield partial
            _sync(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
