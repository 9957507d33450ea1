"""The C interface as ctypes: structs and functions of the pinned release, checked when the library is loaded.

Source: include/llama.h, ggml/include/ggml.h and gguf.h of llama.cpp b11549, which xllamacpp 2026.10.11549 carries.
"""

import ctypes
import logging
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
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from timbre_common.errors import SetupError

_log = logging.getLogger(__name__)

PACKAGE: Final = "xllamacpp"
RELEASE: Final = "2026.10.11549"

FLASH_OFF: Final = 0
FLASH_ON: Final = 1
LOAD_MMAP: Final = 1
TYPE_F32: Final = 0
TYPE_F16: Final = 1
TYPE_Q8_0: Final = 8

_LEVEL_WARN: Final = 3
_LEVEL_ERROR: Final = 4


class ModelParams(Structure):
    """llama_model_params."""

    _fields_ = (
        ("devices", c_void_p),
        ("tensor_buft_overrides", c_void_p),
        ("n_gpu_layers", c_int32),
        ("split_mode", c_int),
        ("load_mode", c_int),
        ("lazy_mode", c_int),
        ("main_gpu", c_int32),
        ("tensor_split", c_void_p),
        ("progress_callback", c_void_p),
        ("progress_callback_user_data", c_void_p),
        ("kv_overrides", c_void_p),
        ("vocab_only", c_bool),
        ("check_tensors", c_bool),
        ("use_extra_bufts", c_bool),
        ("no_host", c_bool),
        ("no_alloc", c_bool),
        ("load_mtp", c_bool),
    )


class ContextParams(Structure):
    """llama_context_params."""

    _fields_ = (
        ("n_ctx", c_uint32),
        ("n_batch", c_uint32),
        ("n_ubatch", c_uint32),
        ("n_seq_max", c_uint32),
        ("n_rs_seq", c_uint32),
        ("n_outputs_max", c_uint32),
        ("n_outputs_max_per_seq", c_uint32),
        ("n_threads", c_int32),
        ("n_threads_batch", c_int32),
        ("ctx_type", c_int),
        ("rope_scaling_type", c_int),
        ("pooling_type", c_int),
        ("attention_type", c_int),
        ("flash_attn_type", c_int),
        ("rope_freq_base", c_float),
        ("rope_freq_scale", c_float),
        ("yarn_ext_factor", c_float),
        ("yarn_attn_factor", c_float),
        ("yarn_beta_fast", c_float),
        ("yarn_beta_slow", c_float),
        ("yarn_orig_ctx", c_uint32),
        ("defrag_thold", c_float),
        ("cb_eval", c_void_p),
        ("cb_eval_user_data", c_void_p),
        ("type_k", c_int),
        ("type_v", c_int),
        ("moe_cache_size", c_size_t),
        ("abort_callback", c_void_p),
        ("abort_callback_data", c_void_p),
        ("embeddings", c_bool),
        ("offload_kqv", c_bool),
        ("no_perf", c_bool),
        ("op_offload", c_bool),
        ("swa_full", c_bool),
        ("kv_unified", c_bool),
        ("samplers", c_void_p),
        ("n_samplers", c_size_t),
        ("ctx_other", c_void_p),
    )


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


_LogCallback = CFUNCTYPE(None, c_int, c_char_p, c_void_p)

_FUNCTIONS: Final[dict[str, tuple[Any, list[Any]]]] = {
    "llama_backend_init": (None, []),
    "llama_log_set": (None, [_LogCallback, c_void_p]),
    "llama_model_default_params": (ModelParams, []),
    "llama_context_default_params": (ContextParams, []),
    "llama_model_load_from_file": (c_void_p, [c_char_p, ModelParams]),
    "llama_model_free": (None, [c_void_p]),
    "llama_model_get_vocab": (c_void_p, [c_void_p]),
    "llama_model_n_embd": (c_int32, [c_void_p]),
    "llama_vocab_n_tokens": (c_int32, [c_void_p]),
    "llama_tokenize": (c_int32, [c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool]),
    "llama_init_from_model": (c_void_p, [c_void_p, ContextParams]),
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
    "ggml_quantize_chunk": (c_size_t, [c_int, c_void_p, c_void_p, c_int64, c_int64, c_int64, c_void_p]),
    "ggml_row_size": (c_size_t, [c_int, c_int64]),
    "gguf_init_from_file": (c_void_p, [c_char_p, GgufParams]),
    "gguf_free": (None, [c_void_p]),
    "gguf_find_tensor": (c_int64, [c_void_p, c_char_p]),
    "gguf_get_tensor_type": (c_int, [c_void_p, c_int64]),
    "gguf_get_tensor_offset": (c_size_t, [c_void_p, c_int64]),
    "gguf_get_tensor_size": (c_size_t, [c_void_p, c_int64]),
    "gguf_get_data_offset": (c_size_t, [c_void_p]),
}


@cache
def library() -> Any:
    """The loaded library. Raises SetupError where it is missing, another release, or lays its structs out otherwise."""
    try:
        found = version(PACKAGE)
    except PackageNotFoundError:
        raise SetupError(
            "llama.cpp's library is missing: install the extra `qwen3tts` (timbre-voices[qwen3tts])"
        ) from None
    if found != RELEASE:
        raise SetupError(f"{PACKAGE} {found} is installed, {RELEASE} is right: its structs move between releases")
    loaded = ctypes.CDLL(str(_path()))
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise SetupError(f"{PACKAGE} {found} does not export {name}") from None
        function.restype, function.argtypes = result, arguments
    loaded.llama_log_set(_FORWARD_LOG, None)
    _check_layout(loaded)
    loaded.llama_backend_init()
    return loaded


def _path() -> Path:
    spec = find_spec(PACKAGE)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    found = sorted(path for folder in folders for path in Path(folder).glob("xllamacpp*.so"))
    if not found:
        raise SetupError(f"{PACKAGE} holds no library for this machine")
    return found[0]


def _check_layout(loaded: Any) -> None:
    """The defaults that this release documents stand where these structs have them."""
    context, model = loaded.llama_context_default_params(), loaded.llama_model_default_params()
    seen = (
        context.n_ctx, context.n_batch, context.n_ubatch, context.n_seq_max, context.flash_attn_type,
        context.type_k, context.type_v, context.embeddings, context.offload_kqv, context.n_samplers, context.ctx_other,
        model.load_mode, model.main_gpu, model.use_extra_bufts, model.vocab_only, model.no_alloc,
    )  # fmt: skip
    expected = (512, 2048, 512, 1, -1, TYPE_F16, TYPE_F16, False, True, 0, None, -1, 0, True, False, False)
    if seen != expected:
        raise SetupError(
            f"{PACKAGE} {RELEASE} lays its parameters out otherwise than this engine was built for: {seen}"
        )


def _log_line(level: int, text: bytes, _: Any) -> None:
    if level >= _LEVEL_WARN:
        message = text.decode(errors="replace").strip()
        _log.log(logging.ERROR if level == _LEVEL_ERROR else logging.DEBUG, "%s", message)


_FORWARD_LOG: Final = _LogCallback(_log_line)
"""Kept here, since the library calls it for as long as the process lives."""
