"""Keeps the process' memory small, where the C library is glibc: elsewhere nothing is done."""

import ctypes
import re
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
    """Put the language models' weights into pages of 2 MB: reading all of them then misses fewer addresses.

    They are what lies in memory whole and by itself; the heap has holes, which such pages would fill. Where Linux is
    older than 6.1, or has none to spare, all stays as it is.
    """
    madvise = _of_glibc("madvise")
    if madvise is None:
        return
    for start, end in _whole_regions(Path("/proc/self/smaps").read_text()):
        start, end = -(-start // _HUGE_PAGE) * _HUGE_PAGE, end // _HUGE_PAGE * _HUGE_PAGE
        madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _COLLAPSE)


def _whole_regions(smaps: str) -> list[tuple[int, int]]:
    """Start and end of each large region of a process' own memory all pages of which are there."""
    regions = re.findall(
        r"^([0-9a-f]+)-([0-9a-f]+) rw-p \w+ \S+ 0 *\nSize: .*\n(?:.*\n){2}Rss: +(\d+) kB$", smaps, re.MULTILINE
    )
    found = ((int(start, 16), int(end, 16), int(resident) * 1024) for start, end, resident in regions)
    return [(start, end) for start, end, resident in found if resident == end - start >= _LARGE]


def _of_glibc(function: str) -> Any:
    return getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None
