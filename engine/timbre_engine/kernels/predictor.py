"""`predictor.c`, for Python."""

import ctypes
from typing import Any

from timbre_engine.kernels import library as kernels


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


def library() -> Any | None:
    """The library, ready for calls of these functions; None where there is none."""
    loaded = kernels.library()
    if loaded is None:
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
