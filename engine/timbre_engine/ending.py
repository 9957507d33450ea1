"""A container's last word, which Kubernetes puts into the pod's status beside its exit status."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from timbre_common import names

_MOST_BYTES: Final = 4096
"""Kubernetes leaves out what is past them."""


def leave_word(word: str, path: Path = Path(names.TERMINATION_LOG)) -> None:
    """Say why the process ends, where there is somebody who asks: the file is never made."""
    with suppress(OSError):
        file = os.open(path, os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(file, word.encode()[:_MOST_BYTES])
        finally:
            os.close(file)
