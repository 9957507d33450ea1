"""A loaded model, its tokenizer, and adapters for it."""

import ctypes
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from timbre_common.errors import InvalidInput, SetupError
from timbre_engine.llama import api, pages

_REPACKED: Final = (2, 12)
"""GGML_TYPE_Q4_0 and GGML_TYPE_Q4_K."""


class Model:
    """Weights in memory, shared by every context. Not for use in two threads while it loads or closes."""

    def __init__(self, library: Any, path: Path, *, gpu_layers: int = 0) -> None:
        """`library` is `api.library`'s. Raises SetupError."""
        self.library = library
        """What everything over this model is computed with."""
        params = library.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.load_mode = api.LOAD_MMAP
        self.handle = library.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle:
            raise SetupError(f"{path} cannot be loaded: convert the checkpoint again (timbre-engine convert)")
        # Most of it was read only to be copied in another layout, and the text table is read elsewhere, row by row.
        pages.give_back(path)
        self._path, self._copied = path, _copied(library, path)
        self._vocabulary = library.llama_model_get_vocab(self.handle)
        self.hidden: int = library.llama_model_n_embd(self.handle)
        """Width of embeddings and hidden states."""
        self.vocabulary: int = library.llama_vocab_n_tokens(self._vocabulary)
        """Logits of a position."""

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text in its composed form (NFC). What looks like a special token stays text."""
        data = unicodedata.normalize("NFC", text).encode()
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        count = self.library.llama_tokenize(self._vocabulary, data, len(data), tokens, room, False, False)
        if count < 0:
            raise InvalidInput("the text cannot be tokenised", "text")
        return list(tokens[:count])

    def give_back(self) -> None:
        """Drop pages that came with their neighbours, as the kernel maps more than is read."""
        pages.give_back(self._path, self._copied)

    def close(self) -> None:
        """Free it; contexts and adapters must be closed before."""
        if self.handle:
            self.library.llama_model_free(self.handle)
            self.handle = None


def _copied(library: Any, path: Path) -> list[range]:
    """Bytes of the file whose tensors llama.cpp holds in another layout. Where it does not, they are read again."""
    file = library.gguf_init_from_file(str(path).encode(), api.GgufParams(no_alloc=True, ctx=None))
    try:
        data = library.gguf_get_data_offset(file)
        tensors = [
            (data + library.gguf_get_tensor_offset(file, index), library.gguf_get_tensor_size(file, index))
            for index in range(library.gguf_get_n_tensors(file))
            if library.gguf_get_tensor_type(file, index) in _REPACKED
        ]
    finally:
        library.gguf_free(file)
    return [range(start, start + size) for start, size in tensors]


class Adapter:
    """A LoRA adapter in memory. The file is trusted: check it first, since the library aborts on a malformed one."""

    def __init__(self, model: Model, path: Path) -> None:
        """Raises InvalidInput where the library refuses the file."""
        self._library = model.library
        self.handle = self._library.llama_adapter_lora_init(model.handle, str(path).encode())
        if not self.handle:
            raise InvalidInput("llama.cpp does not load it", "adapter")

    def close(self) -> None:
        """Free it; no context may have it set."""
        if self.handle:
            self._library.llama_adapter_lora_free(self.handle)
            self.handle = None


def adapter_arrays(adapters: Sequence[tuple[Adapter, float]]) -> tuple[Any, Any]:
    """(handles, scales) as C arrays."""
    count = len(adapters)
    handles = (ctypes.c_void_p * count)(*(adapter.handle for adapter, _ in adapters))
    return handles, (ctypes.c_float * count)(*(scale for _, scale in adapters))
