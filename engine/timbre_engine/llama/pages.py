"""Gives pages of a mapped file back to the kernel's cache. A later look at them takes them from there again."""

import ctypes
import sys
from pathlib import Path
from typing import Final

_MAPS: Final = Path("/proc/self/maps")
_DONT_NEED: Final = 4
"""MADV_DONTNEED on Linux."""


def give_back(path: Path) -> None:
    """Drop this process' pages of a file that it has mapped for reading. On other systems than Linux they stay."""
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    for start, end in _mappings(_MAPS.read_text(), path.resolve()):
        library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONT_NEED)


def _mappings(maps: str, path: Path) -> list[tuple[int, int]]:
    """The address ranges of a file's read-only mappings, from the text of /proc/PID/maps."""
    found = []
    for line in maps.splitlines():
        addresses, permissions, *_, name = line.split(maxsplit=5)
        if permissions.startswith("r--") and name == str(path):
            start, _, end = addresses.partition("-")
            found.append((int(start, 16), int(end, 16)))
    return found
