"""The C interface as ctypes: the functions that are called, and a check when the library is loaded.

Source: include/llama.h, ggml/include/ggml.h and gguf.h of llama.cpp. What is declared here is the same in every release
that `source` pins; the parameter structs are not, and come with the source of the library.
"""

import ctypes
import logging
import os
import re
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_float,
    c_int,
    c_int8,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_void_p,
)
from functools import cache
from pathlib import Path
from typing import Any, Final

from timbre_common.errors import SetupError
from timbre_engine.llama.source import Choice, Source, choose

_log = logging.getLogger(__name__)

FLASH_OFF: Final = 0
FLASH_ON: Final = 1
LOAD_MMAP: Final = 1
TYPE_F32: Final = 0
TYPE_F16: Final = 1
TYPE_Q8_0: Final = 8

_DEVICE_CPU: Final = 0
_LEVEL_WARN: Final = 3
_LEVEL_ERROR: Final = 4


class Batch(Structure):
    """llama_batch."""

    _fields_ = (
        ("n_tokens", c_int32),
        ("token", POINTER(c_int32)),
        ("embd", POINTER(c_float)),
        ("pos", POINTER(c_int32)),
        ("n_seq_id", POINTER(c_int32)),
        ("seq_id", POINTER(POINTER(c_int32))),
        ("logits", POINTER(c_int8)),
    )


class GgufParams(Structure):
    """gguf_init_params."""

    _fields_ = (("no_alloc", c_bool), ("ctx", c_void_p))


class TypeTraits(Structure):
    """ggml_type_traits: what is known of a way to store numbers."""

    _fields_ = (
        ("type_name", c_char_p),
        ("blck_size", c_int64),
        ("blck_size_interleave", c_int64),
        ("type_size", c_size_t),
        ("is_quantized", c_bool),
        ("to_float", CFUNCTYPE(None, c_void_p, c_void_p, c_int64)),
    )


@cache
def library(wanted: Choice = "auto") -> Any:
    """The loaded library. Raises SetupError where it is missing, another release, or lays its structs out otherwise."""
    return _load(choose(wanted))


@cache
def _load(source: Source) -> Any:
    layout = source.layout()
    loaded = ctypes.CDLL(str(layout.path))
    for name, (result, arguments) in _functions(layout.model_params, layout.context_params).items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise SetupError(f"{source.package} {source.release} does not export {name}") from None
        function.restype, function.argtypes = result, arguments
    loaded.llama_log_set(_FORWARD_LOG, None)
    _check_layout(loaded, source)
    _load_kernels(loaded, layout.path.parent)
    loaded.llama_backend_init()
    _log.info("%s %s computes with %s", source.package, source.release, " ".join(instructions(loaded)))
    return loaded


def _load_kernels(loaded: Any, folder: Path) -> None:
    """A library whose kernels are files beside it, one for each kind of processor, takes the best that runs here.

    Raises SetupError where none does.
    """
    if loaded.ggml_backend_reg_count() == 0:
        loaded.ggml_backend_load_all_from_path(os.fsencode(folder))
    if not loaded.ggml_backend_dev_by_type(_DEVICE_CPU):
        raise SetupError(f"no libggml-cpu-*.so in {folder} is for this processor")


def instructions(loaded: Any) -> list[str]:
    """The processor's extensions that the kernels use, as llama.cpp spells them: ["SSE3", "AVX2", …]."""
    return re.findall(r"(\w+) = 1\b", loaded.llama_print_system_info().decode())


def _check_layout(loaded: Any, source: Source) -> None:
    """The defaults that both releases document stand where the structs have them."""
    context, model = loaded.llama_context_default_params(), loaded.llama_model_default_params()
    seen = (
        context.n_ctx, context.n_batch, context.n_ubatch, context.n_seq_max, context.flash_attn_type,
        context.type_k, context.type_v, context.embeddings, context.offload_kqv, context.n_samplers, context.ctx_other,
        model.n_gpu_layers, model.load_mode, model.main_gpu, model.use_extra_bufts, model.vocab_only, model.no_alloc,
    )  # fmt: skip
    expected = (512, 2048, 512, 1, -1, TYPE_F16, TYPE_F16, False, True, 0, None, -1, -1, 0, True, False, False)
    if seen != expected:
        raise SetupError(
            f"{source.package} {source.release} lays its parameters out otherwise than is known of it: {seen}"
        )


_LogCallback = CFUNCTYPE(None, c_int, c_char_p, c_void_p)


def _functions(model_params: type[Structure], context_params: type[Structure]) -> dict[str, tuple[Any, list[Any]]]:
    """What is called: result and arguments."""
    return {
        "llama_backend_init": (None, []),
        "llama_log_set": (None, [_LogCallback, c_void_p]),
        "llama_print_system_info": (c_char_p, []),
        "llama_model_default_params": (model_params, []),
        "llama_context_default_params": (context_params, []),
        "llama_model_load_from_file": (c_void_p, [c_char_p, model_params]),
        "llama_model_free": (None, [c_void_p]),
        "llama_model_get_vocab": (c_void_p, [c_void_p]),
        "llama_model_n_embd": (c_int32, [c_void_p]),
        "llama_vocab_n_tokens": (c_int32, [c_void_p]),
        "llama_tokenize": (c_int32, [c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool]),
        "llama_init_from_model": (c_void_p, [c_void_p, context_params]),
        "llama_free": (None, [c_void_p]),
        "llama_n_ctx_seq": (c_uint32, [c_void_p]),
        "llama_decode": (c_int32, [c_void_p, Batch]),
        "llama_get_embeddings_ith": (POINTER(c_float), [c_void_p, c_int32]),
        "llama_get_logits_ith": (POINTER(c_float), [c_void_p, c_int32]),
        "llama_set_embeddings": (None, [c_void_p, c_bool]),
        "llama_get_memory": (c_void_p, [c_void_p]),
        "llama_memory_seq_rm": (c_bool, [c_void_p, c_int32, c_int32, c_int32]),
        "llama_state_seq_get_size": (c_size_t, [c_void_p, c_int32]),
        "llama_state_seq_get_data": (c_size_t, [c_void_p, c_void_p, c_size_t, c_int32]),
        "llama_state_seq_set_data": (c_size_t, [c_void_p, c_void_p, c_size_t, c_int32]),
        "llama_adapter_lora_init": (c_void_p, [c_void_p, c_char_p]),
        "llama_adapter_lora_free": (None, [c_void_p]),
        "llama_set_adapters_lora": (c_int32, [c_void_p, POINTER(c_void_p), c_size_t, POINTER(c_float)]),
        "ggml_backend_reg_count": (c_size_t, []),
        "ggml_backend_load_all_from_path": (None, [c_char_p]),
        "ggml_backend_dev_by_type": (c_void_p, [c_int]),
        "ggml_quantize_chunk": (c_size_t, [c_int, c_void_p, c_void_p, c_int64, c_int64, c_int64, c_void_p]),
        "ggml_row_size": (c_size_t, [c_int, c_int64]),
        "ggml_get_type_traits": (POINTER(TypeTraits), [c_int]),
        "gguf_init_from_file": (c_void_p, [c_char_p, GgufParams]),
        "gguf_free": (None, [c_void_p]),
        "gguf_get_n_tensors": (c_int64, [c_void_p]),
        "gguf_find_tensor": (c_int64, [c_void_p, c_char_p]),
        "gguf_get_tensor_name": (c_char_p, [c_void_p, c_int64]),
        "gguf_get_tensor_type": (c_int, [c_void_p, c_int64]),
        "gguf_get_tensor_offset": (c_size_t, [c_void_p, c_int64]),
        "gguf_get_tensor_size": (c_size_t, [c_void_p, c_int64]),
        "gguf_get_data_offset": (c_size_t, [c_void_p]),
    }


def _log_line(level: int, text: bytes, _: Any) -> None:
    if level >= _LEVEL_WARN:
        message = text.decode(errors="replace").strip()
        _log.log(logging.ERROR if level == _LEVEL_ERROR else logging.DEBUG, "%s", message)


_FORWARD_LOG: Final = _LogCallback(_log_line)
"""Kept here, since the library calls it for as long as the process lives."""
