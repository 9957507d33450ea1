"""Keeps the process' memory small, where the C library is glibc: elsewhere nothing is done."""

import ctypes
import sys
from pathlib import Path
from typing import Any, Final

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of malloc.h."""
_COLLAPSE: Final = 25
"""MADV_COLLAPSE of mman.h."""
_HUGE_PAGE: Final = 2 << 20
_LARGE: Final = 8 << 20
"""Bytes of a region that is worth it."""


def share_heap() -> None:
    """One heap for all threads, before there are any: what one of them frees, another finds."""
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


def trim() -> None:
    """Give what loading or a burst of speech took and freed back to the system, in some milliseconds."""
    malloc_trim = _of_glibc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def take_huge_pages() -> None:
    """Put what lies in memory by now, the weights, into pages of 2 MB: reading all of it then misses fewer addresses.

    Where Linux is older than 6.1, or has none to spare, they stay as they are.
    """
    madvise = _of_glibc("madvise")
    if madvise is None:
        return
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, inode, *_ = line.split()
        start, end = (int(each, 16) for each in place.split("-"))
        start, end = -(-start // _HUGE_PAGE) * _HUGE_PAGE, end // _HUGE_PAGE * _HUGE_PAGE
        if rights == "rw-p" and inode == "0" and end - start >= _LARGE:
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _COLLAPSE)


def _of_glibc(function: str) -> Any:
    return getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None
