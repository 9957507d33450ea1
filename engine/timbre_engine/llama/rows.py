"""Single rows of a tensor in a GGUF file, without loading the tensor."""

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import dequantize
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput
from timbre_engine.llama import api


class Rows:
    """A memory-mapped matrix whose rows are dequantised as they are asked for."""

    def __init__(self, library: Any, path: Path, tensor: str, rows: int) -> None:
        """Raises InvalidInput that names the tensor where the file lacks it."""
        file = library.gguf_init_from_file(str(path).encode(), api.GgufParams(no_alloc=True, ctx=None))
        if not file:
            raise InvalidInput("no GGUF file", str(path))
        try:
            index = library.gguf_find_tensor(file, tensor.encode())
            if index < 0:
                raise InvalidInput(f"{path} does not hold it", tensor)
            self._kind = GGMLQuantizationType(library.gguf_get_tensor_type(file, index))
            offset = library.gguf_get_data_offset(file) + library.gguf_get_tensor_offset(file, index)
            size = library.gguf_get_tensor_size(file, index)
        finally:
            library.gguf_free(file)
        self._data = np.memmap(path, np.uint8, "r", offset, (rows, size // rows))

    def take(self, indices: list[int]) -> NDArray[np.float32]:
        """Rows [len(indices), columns] as float32."""
        stored = np.ascontiguousarray(self._data[indices])
        if self._kind is GGMLQuantizationType.F32:
            return stored.view(np.float32)
        if self._kind is GGMLQuantizationType.F16:
            return stored.view(np.float16).astype(np.float32)
        return np.asarray(dequantize(stored, self._kind), np.float32)
