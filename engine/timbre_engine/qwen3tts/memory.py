"""Gives freed memory back to the system, which glibc keeps unless told."""

import ctypes
import sys


def trim() -> None:
    """What loading or a burst of speech took and freed, about 100 MB, in some milliseconds; nothing without glibc."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
