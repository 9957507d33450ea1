"""Products by ggml, on a device of one's choice, through its public interface."""

import ctypes
from ctypes import c_bool, c_char_p, c_int, c_int64, c_size_t, c_void_p
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType
from numpy.typing import NDArray

from timbre_engine.kernels import library as kernels
from timbre_engine.kernels import talker
from timbre_engine.llama import api

_SUCCESS = 0
_ROOM = 1 << 20
"""Bytes for the descriptions of some tensors and a graph."""


class _InitParams(ctypes.Structure):
    _fields_ = (("mem_size", c_size_t), ("mem_buffer", c_void_p), ("no_alloc", c_bool))


_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "ggml_init": (c_void_p, [_InitParams]),
    "ggml_free": (None, [c_void_p]),
    "ggml_new_tensor_2d": (c_void_p, [c_void_p, c_int, c_int64, c_int64]),
    "ggml_mul_mat": (c_void_p, [c_void_p, c_void_p, c_void_p]),
    "ggml_new_graph": (c_void_p, [c_void_p]),
    "ggml_build_forward_expand": (None, [c_void_p, c_void_p]),
    "ggml_backend_alloc_ctx_tensors_from_buft": (c_void_p, [c_void_p, c_void_p]),
    "ggml_backend_buffer_free": (None, [c_void_p]),
    "ggml_backend_cpu_buffer_type": (c_void_p, []),
    "ggml_backend_tensor_set": (None, [c_void_p, c_void_p, c_size_t, c_size_t]),
    "ggml_backend_tensor_get": (None, [c_void_p, c_void_p, c_size_t, c_size_t]),
    "ggml_backend_dev_by_name": (c_void_p, [c_char_p]),
    "ggml_backend_dev_init": (c_void_p, [c_void_p, c_char_p]),
    "ggml_backend_dev_supports_op": (c_bool, [c_void_p, c_void_p]),
    "ggml_backend_free": (None, [c_void_p]),
    "ggml_backend_graph_compute": (c_int, [c_void_p, c_void_p]),
}


def kernel_s() -> int:
    """Where the kernel's matrices lie. Skips the test where there is none."""
    if kernels.library() is None:
        pytest.skip("the compiled kernels are not here: there was no C compiler, or this is no x86-64 with AVX2")
    found = talker.weights(api.library())
    assert found is not None
    return found


def library() -> Any:
    """llama.cpp's, ready for these calls."""
    loaded = ctypes.CDLL(api.library()._name)
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def product(
    device: str,
    buffers: int | None,
    kind: GGMLQuantizationType,
    stored: NDArray[np.generic],
    inputs: NDArray[np.float32],
) -> NDArray[np.float32]:
    """`inputs` [count, columns] by the transpose of a matrix of this kind, stored [rows, bytes]: [count, rows].

    `buffers`: where the matrix lies, None for the CPU's own. AssertionError where the device does not compute it.
    """
    ggml = library()
    (count, columns), rows = inputs.shape, len(stored)
    held, work = ggml.ggml_init(_InitParams(_ROOM, None, True)), ggml.ggml_init(_InitParams(_ROOM, None, True))
    backend = ggml.ggml_backend_dev_init(ggml.ggml_backend_dev_by_name(device.encode()), None)
    matrix = ggml.ggml_new_tensor_2d(held, int(kind), columns, rows)
    vectors = ggml.ggml_new_tensor_2d(work, int(GGMLQuantizationType.F32), columns, count)
    result = ggml.ggml_mul_mat(work, matrix, vectors)
    cpu = ggml.ggml_backend_cpu_buffer_type()
    memory = [
        ggml.ggml_backend_alloc_ctx_tensors_from_buft(held, buffers or cpu),
        ggml.ggml_backend_alloc_ctx_tensors_from_buft(work, cpu),
    ]
    try:
        stored, inputs = np.ascontiguousarray(stored), np.ascontiguousarray(inputs)
        ggml.ggml_backend_tensor_set(matrix, stored.ctypes.data, 0, stored.nbytes)
        ggml.ggml_backend_tensor_set(vectors, inputs.ctypes.data, 0, inputs.nbytes)
        graph = ggml.ggml_new_graph(work)
        ggml.ggml_build_forward_expand(graph, result)
        assert ggml.ggml_backend_dev_supports_op(ggml.ggml_backend_dev_by_name(device.encode()), result)
        assert ggml.ggml_backend_graph_compute(backend, graph) == _SUCCESS
        outputs = np.empty((count, rows), np.float32)
        ggml.ggml_backend_tensor_get(result, outputs.ctypes.data, 0, outputs.nbytes)
        return outputs
    finally:
        for each in memory:
            ggml.ggml_backend_buffer_free(each)
        ggml.ggml_backend_free(backend)
        ggml.ggml_free(held)
        ggml.ggml_free(work)
