"""`codec.c`, for Python."""

import ctypes
from typing import Any, Final

from timbre_engine.kernels import library as kernels

Pointer = ctypes.c_void_p
MOST_FRAMES: Final = 4
MOST_STAGES: Final = 4
MOST_BLOCKS: Final = 8
MOST_POINTS: Final = 12


class Sizes(ctypes.Structure):
    """`struct codec_sizes`."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("codebooks", "codebook_size", "half", "dim", "latent", "hidden")),
        *((name, ctypes.c_int32) for name in ("layers", "heads", "head_dim", "window", "intermediate")),
        *((name, ctypes.c_int32) for name in ("stages", "blocks", "channels")),
        ("ratios", ctypes.c_int32 * MOST_STAGES),
        *((name, ctypes.c_int32 * MOST_BLOCKS) for name in ("rates", "points", "unit_points")),
        ("epsilon", ctypes.c_float),
        ("theta", ctypes.c_double),
    ]


def library() -> Any | None:
    """The library, ready for calls of these functions; None where there is none."""
    loaded = kernels.library()
    if loaded is None:
        return None
    loaded.timbre_codec_new.restype = Pointer
    loaded.timbre_codec_new.argtypes = [ctypes.POINTER(Sizes), ctypes.POINTER(Pointer)]
    loaded.timbre_codec_state_bytes.restype = ctypes.c_int64
    loaded.timbre_codec_state_bytes.argtypes = [Pointer]
    loaded.timbre_codec_begin.restype = None
    loaded.timbre_codec_begin.argtypes = [Pointer, Pointer]
    loaded.timbre_codec_decode.restype = None
    loaded.timbre_codec_decode.argtypes = [Pointer, Pointer, ctypes.c_int32, Pointer, Pointer, Pointer]
    loaded.timbre_let_help.restype = ctypes.c_int64
    loaded.timbre_let_help.argtypes = [ctypes.c_int32]
    loaded.timbre_stand_by.restype = None
    loaded.timbre_stand_by.argtypes = [Pointer]
    loaded.timbre_codec_free.restype = None
    loaded.timbre_codec_free.argtypes = [Pointer]
    return loaded
