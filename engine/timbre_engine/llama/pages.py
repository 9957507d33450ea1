"""Gives pages of a mapped file back to the kernel's cache. A later look at them takes them from there again."""

import ctypes
import mmap
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_MAPS: Final = Path("/proc/self/maps")
_DONT_NEED: Final = 4
"""MADV_DONTNEED on Linux."""
_NO_HUGE_PAGE: Final = 15
"""MADV_NOHUGEPAGE."""


def give_back(path: Path, parts: Sequence[range] = (range(sys.maxsize),)) -> None:
    """Drop this process' pages of a file that it has mapped for reading, of these parts of it, in bytes, whole ones.

    On other systems than Linux they stay.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    for start, inside in _mappings(_MAPS.read_text(), path.resolve()):
        # Those of 2 MB would go, and come again, whole.
        library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(len(inside)), _NO_HUGE_PAGE)
        for part in parts:
            first = max(-(-part.start // mmap.PAGESIZE) * mmap.PAGESIZE, inside.start)
            end = min(part.stop // mmap.PAGESIZE * mmap.PAGESIZE, inside.stop)
            if first < end:
                library.madvise(ctypes.c_void_p(start + first - inside.start), ctypes.c_size_t(end - first), _DONT_NEED)


def _mappings(maps: str, path: Path) -> list[tuple[int, range]]:
    """Each read-only mapping of a file, from the text of /proc/PID/maps: its address, and which bytes it maps."""
    found = []
    for line in maps.splitlines():
        addresses, permissions, offset, *_, name = line.split(maxsplit=5)
        if permissions.startswith("r--") and name == str(path):
            start, end = (int(part, 16) for part in addresses.split("-"))
            found.append((start, range(int(offset, 16), int(offset, 16) + end - start)))
    return found
