"""Keeps the process' memory small, where the C library is glibc: elsewhere nothing is done."""

import ctypes
import sys
from typing import Any, Final

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of malloc.h."""


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


def _of_glibc(function: str) -> Any:
    return getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None
