"""The library that the C files become where a compiler is at hand when Timbre is installed."""

import ctypes
import logging
from functools import cache
from pathlib import Path
from typing import Any, Final

_log = logging.getLogger(__name__)

_LIBRARY: Final = Path(__file__).with_name("_kernels.so")


@cache
def library() -> Any | None:
    """The loaded library; None where it was not built, or this processor cannot run it."""
    if not _LIBRARY.exists():
        return None
    try:
        loaded = ctypes.CDLL(str(_LIBRARY))
    except OSError as error:
        _log.warning("the compiled kernels do not load, so llama.cpp and ONNX Runtime compute, slower: %s", error)
        return None
    return loaded if loaded.timbre_kernels_run_here() else None
