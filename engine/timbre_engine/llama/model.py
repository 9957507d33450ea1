"""A loaded model, its tokenizer, and adapters for it."""

import ctypes
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from timbre_common.errors import InvalidInput
from timbre_engine.llama import api, gguf_file, pages
from timbre_engine.llama.gguf_file import Tensor

_Q4_0: Final = 2
_Q4_K: Final = 12
_Q6_K: Final = 14
_LOOKED_UP: Final = "token_embd.weight"
"""Read row by row, and multiplied with nothing."""


class _Override(ctypes.Structure):
    """llama_model_tensor_buft_override."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buft", ctypes.c_void_p))


class Model:
    """Weights in memory, shared by every context. Not for use in two threads while it loads or closes."""

    def __init__(self, library: Any, path: Path, *, gpu_layers: int = 0, weights: int | None = None) -> None:
        """`library` is `api.library`'s; `weights`, of `kernels.talker`, where matrices of Q4_K and Q6_K go.

        Raises SetupError.
        """
        self.library = library
        """What everything over this model is computed with."""
        tensors = gguf_file.tensors(library, path)
        params = library.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.load_mode = api.LOAD_MMAP
        pattern = "" if weights is None else _multiplied(tensors)
        self.tiled = bool(pattern)
        """Whether matrices went where `weights` says."""
        overrides = (_Override * 2)(_Override(pattern.encode(), weights))
        if self.tiled:
            params.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p)
        copied = {_Q4_0, _Q4_K, _Q6_K} if self.tiled else {_Q4_0, _Q4_K}
        self.handle = library.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle:
            raise gguf_file.unreadable(path)
        # Most of it was read only to be copied in another layout, and the text table is read elsewhere, row by row.
        pages.give_back(path)
        self._path, self._copied = path, [each.place for each in tensors if each.type in copied]
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


def _multiplied(tensors: Sequence[Tensor]) -> str:
    """A pattern of the names of those matrices that are of the two types in every layer; "": there are none."""
    types: dict[str, set[int]] = {}
    for each in tensors:
        types.setdefault(re.sub(r"^blk\.\d+\.", "", each.name), set()).add(each.type)
    wanted = [re.escape(name) for name, found in types.items() if found <= {_Q4_K, _Q6_K} and name != _LOOKED_UP]
    return rf"^(blk\.[0-9]+\.)?({'|'.join(wanted)})$" if wanted else ""


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
