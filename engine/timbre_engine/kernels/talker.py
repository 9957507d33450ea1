"""`talker.c`, for Python."""

import ctypes
from typing import Any, Final

from timbre_engine.kernels import library as kernels

_FUNCTIONS: Final = (
    "ggml_backend_buffer_init",
    "ggml_backend_buffer_free",
    "ggml_backend_buft_alloc_buffer",
    "ggml_backend_cpu_buffer_type",
    "ggml_backend_buft_is_host",
    "ggml_backend_dev_by_type",
    "ggml_backend_dev_backend_reg",
    "ggml_backend_dev_init",
    "ggml_backend_free",
    "ggml_backend_register",
    "ggml_tensor_overhead",
    "ggml_nbytes",
    "ggml_op_name",
    "ggml_type_name",
    "ggml_graph_n_nodes",
    "ggml_graph_node",
)
"""`struct ggml`, in its order."""


def weights(llama: Any) -> int | None:
    """Where llama.cpp's loaded library shall put matrices of Q4_K and Q6_K, so that the kernel multiplies with them.

    It is the address of a type of buffer; None where there is no kernel, or it does not know that library.
    """
    loaded = kernels.library()
    if loaded is None:
        return None
    try:
        addresses = [ctypes.cast(getattr(llama, name), ctypes.c_void_p).value for name in _FUNCTIONS]
    except AttributeError:  # a release without one of them
        return None
    loaded.timbre_talker_weights.restype = ctypes.c_void_p
    loaded.timbre_talker_weights.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
    found: int | None = loaded.timbre_talker_weights((ctypes.c_void_p * len(addresses))(*addresses))
    return found
