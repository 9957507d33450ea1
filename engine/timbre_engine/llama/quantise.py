"""Weights as llama.cpp's quantisers write them."""

import ctypes
from typing import Final

import gguf
import numpy as np
from gguf import GGMLQuantizationType
from numpy.typing import NDArray

from timbre_engine.llama import api
from timbre_engine.llama.source import Choice

_BLOCK_BYTES: Final = 64 << 20
"""Float32 bytes that are quantised at once."""


def quantise(weights: NDArray[np.float32], kind: GGMLQuantizationType, choice: Choice = "auto") -> NDArray[np.generic]:
    """Weights [rows, columns] in the storage of `kind`: float16 or float32 as such, else bytes [rows, bytes a row], for
    which llama.cpp's library is loaded. Columns must be a multiple of the kind's block. Raises SetupError.
    """
    if kind is GGMLQuantizationType.F32:
        return np.ascontiguousarray(weights, np.float32)
    if kind is GGMLQuantizationType.F16:
        return weights.astype(np.float16)
    library = api.library(choice)
    rows, columns = weights.shape
    stored = np.empty((rows, library.ggml_row_size(int(kind), columns)), np.uint8)
    step = max(1, _BLOCK_BYTES // (4 * columns))
    for start in range(0, rows, step):
        block = np.ascontiguousarray(weights[start : start + step], np.float32)
        target = stored[start : start + step]
        library.ggml_quantize_chunk(
            int(kind),
            block.ctypes.data_as(ctypes.c_void_p),
            target.ctypes.data_as(ctypes.c_void_p),
            0,
            len(block),
            columns,
            None,
        )
    return stored


def fits(columns: int, kind: GGMLQuantizationType) -> bool:
    """Whether rows of so many columns can be stored as `kind`."""
    block: int = gguf.GGML_QUANT_SIZES[kind][0]
    return columns % block == 0
