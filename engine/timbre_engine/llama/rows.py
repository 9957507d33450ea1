"""Single rows of a tensor in a GGUF file, without loading the tensor."""

import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import EngineUnavailable, InvalidInput
from timbre_engine.llama import api


class Rows:
    """A matrix in a file whose rows are read and dequantised as they are asked for.

    Mapping the file instead would bring 64 KiB into memory for each row of some hundred bytes.
    """

    def __init__(self, library: Any, path: Path, tensor: str, rows: int) -> None:
        """Raises InvalidInput that names the tensor where the file lacks it."""
        file = library.gguf_init_from_file(str(path).encode(), api.GgufParams(no_alloc=True, ctx=None))
        if not file:
            raise InvalidInput("no GGUF file", str(path))
        try:
            index = library.gguf_find_tensor(file, tensor.encode())
            if index < 0:
                raise InvalidInput(f"{path} does not hold it", tensor)
            traits = library.ggml_get_type_traits(library.gguf_get_tensor_type(file, index)).contents
            self._start = library.gguf_get_data_offset(file) + library.gguf_get_tensor_offset(file, index)
            self._size = library.gguf_get_tensor_size(file, index) // rows
        finally:
            library.gguf_free(file)
        self._columns = self._size // traits.type_size * traits.blck_size
        self._to_float = traits.to_float
        self._path = path
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def take(self, indices: list[int]) -> NDArray[np.float32]:
        """Rows [len(indices), columns] as float32. Raises EngineUnavailable where the file cannot be read any more."""
        taken = np.empty((len(indices), self._columns), np.float32)
        for index, row in zip(indices, taken, strict=True):
            stored = os.pread(self._file, self._size, self._start + index * self._size)
            if len(stored) < self._size:
                raise EngineUnavailable(f"{self._path} is shorter than it was")
            if self._to_float:
                self._to_float(stored, row.ctypes.data, self._columns)
            else:
                row[:] = np.frombuffer(stored, np.float32)
        return taken
