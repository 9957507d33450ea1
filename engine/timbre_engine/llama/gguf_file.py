"""Which tensors a GGUF file holds, by the library's own reader."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timbre_common.errors import SetupError
from timbre_engine.llama import api


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in a file."""

    name: str
    type: int
    """A number of `enum ggml_type`."""
    place: range
    """Its bytes of the file."""


def tensors(library: Any, path: Path) -> list[Tensor]:
    """Those of a file, in its order; `library` is `api.library`'s. Raises SetupError."""
    file = library.gguf_init_from_file(str(path).encode(), api.GgufParams(no_alloc=True, ctx=None))
    if not file:
        raise unreadable(path)
    try:
        return [_tensor(library, file, index) for index in range(library.gguf_get_n_tensors(file))]
    finally:
        library.gguf_free(file)


def unreadable(path: Path) -> SetupError:
    """What to say of a file that the library does not take."""
    return SetupError(f"{path} cannot be loaded: convert the checkpoint again (timbre-engine convert)")


def _tensor(library: Any, file: Any, index: int) -> Tensor:
    start = library.gguf_get_data_offset(file) + library.gguf_get_tensor_offset(file, index)
    return Tensor(
        name=library.gguf_get_tensor_name(file, index).decode(),
        type=library.gguf_get_tensor_type(file, index),
        place=range(start, start + library.gguf_get_tensor_size(file, index)),
    )
