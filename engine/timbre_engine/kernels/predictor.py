"""The library that `predictor.c` becomes where a compiler is at hand when Timbre is installed."""

import ctypes
import logging
from functools import cache
from pathlib import Path
from typing import Any, Final

_log = logging.getLogger(__name__)

_LIBRARY: Final = Path(__file__).with_name("_kernels.so")


class Sizes(ctypes.Structure):
    """`struct sizes`."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("talker", "hidden", "layers", "heads", "kv_heads", "head_dim", "ffn")),
        ("epsilon", ctypes.c_float),
        ("theta", ctypes.c_double),
    ]


class Source(ctypes.Structure):
    """`struct source`."""

    _fields_ = [("values", ctypes.c_void_p), ("scales", ctypes.c_void_p)]


class Factor(ctypes.Structure):
    """`struct factor`."""

    _fields_ = [("a", ctypes.c_void_p), ("b", ctypes.c_void_p), ("rank", ctypes.c_int32)]


class Request(ctypes.Structure):
    """`struct request`."""

    _fields_ = [
        ("streams", ctypes.c_int32),
        ("shared", ctypes.c_int32),
        *((name, ctypes.c_void_p) for name in ("hidden", "code0", "uniform", "temperature", "top_k", "top_p")),
        ("factors", ctypes.POINTER(Factor)),
    ]


@cache
def library() -> Any | None:
    """The library, ready to be called; None where it was not built, or this processor cannot run it."""
    if not _LIBRARY.exists():
        return None
    try:
        loaded = ctypes.CDLL(str(_LIBRARY))
    except OSError as error:
        _log.warning("the code predictor's own library does not load, so ONNX Runtime computes it, slower: %s", error)
        return None
    if not loaded.timbre_kernels_run_here():
        return None
    loaded.timbre_predictor_new.restype = ctypes.c_void_p
    loaded.timbre_predictor_new.argtypes = [ctypes.POINTER(Sizes), ctypes.POINTER(Source)]
    loaded.timbre_predictor_frame.restype = ctypes.c_int
    loaded.timbre_predictor_frame.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(Request),
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    loaded.timbre_predictor_free.restype = None
    loaded.timbre_predictor_free.argtypes = [ctypes.c_void_p]
    return loaded
