"""Files that are there whole or not at all, and folders that take them."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def write(path: Path, data: bytes) -> None:
    """Write a file. Raises SetupError where that cannot be."""
    with replacing(path) as partial:
        partial.write_bytes(data)


def make_folder(path: Path) -> None:
    """Make a folder where there is none. Raises SetupError where nothing can be written into it.

    Asked before work that takes long.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def folder(path: Path) -> Iterator[None]:
    """As make_folder; where what follows fails before anything is in it, it is gone again. Raises SetupError."""
    make_folder(path)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # it is not empty
            path.rmdir()
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
