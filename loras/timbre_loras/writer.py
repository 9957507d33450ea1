"""The adapter file: written whole or not at all, and the same bytes for the same input."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from numpy.typing import NDArray

from timbre_common import adapters
from timbre_common.errors import InvalidInput
from timbre_loras import atomic
from timbre_loras.fold import Folded


class Dtype(StrEnum):
    """How the matrices are stored."""

    F16 = "f16"
    F32 = "f32"


@dataclass(frozen=True)
class Metadata:
    """What a voice is beyond its matrices; what is empty is left out."""

    name: str
    agent: str
    base_digest: str
    base_name: str
    base_kind: str
    speaker: str
    language: str
    layout: str
    rank: int
    source_alpha: float | None
    """None: it was not trained, but mixed."""
    licence: str
    source_digest: str
    x_vector: NDArray[np.float32] | None = None
    """[hidden]."""
    merged_from: tuple[str, ...] = ()


def write(path: Path, alpha: float, pairs: Iterable[Folded], metadata: Metadata, dtype: Dtype) -> None:
    """Write the file and put it in place by one rename.

    Raises SetupError where it cannot be written, InvalidInput that names a matrix which float16 cannot hold.
    """
    with atomic.replacing(path) as partial:
        _fill(partial, alpha, pairs, metadata, dtype)


def _fill(path: Path, alpha: float, pairs: Iterable[Folded], metadata: Metadata, dtype: Dtype) -> None:
    writer = GGUFWriter(path, adapters.ARCHITECTURE)
    writer.add_string(adapters.KEY_TYPE, adapters.TYPE)
    writer.add_string("general.name", metadata.name)
    writer.add_string(adapters.KEY_METHOD, adapters.METHOD)
    writer.add_float32(adapters.KEY_ALPHA, alpha)
    for key, text in _texts(metadata):
        if text:
            writer.add_string(key, text)
    writer.add_uint32(adapters.KEY_RANK, metadata.rank)
    if metadata.source_alpha is not None:
        writer.add_float32(adapters.KEY_SOURCE_ALPHA, metadata.source_alpha)
    if metadata.merged_from:
        writer.add_array(adapters.KEY_MERGED_FROM, list(metadata.merged_from))
    if metadata.x_vector is not None:
        writer.add_array(adapters.KEY_X_VECTOR, metadata.x_vector.tolist())
    for pair in pairs:
        for half, matrix in (("a", pair.a), ("b", pair.b)):
            name = adapters.tensor_name(pair.layer, pair.target, half)
            writer.add_tensor(name, _stored(name, matrix, dtype))
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _texts(metadata: Metadata) -> list[tuple[str, str]]:
    return [
        (adapters.KEY_NAME, metadata.name),
        (adapters.KEY_AGENT, metadata.agent),
        (adapters.KEY_BASE_DIGEST, metadata.base_digest),
        (adapters.KEY_BASE_NAME, metadata.base_name),
        (adapters.KEY_BASE_KIND, metadata.base_kind),
        (adapters.KEY_SPEAKER, metadata.speaker),
        (adapters.KEY_LANGUAGE, metadata.language),
        (adapters.KEY_LAYOUT, metadata.layout),
        (adapters.KEY_LICENCE, metadata.licence),
        (adapters.KEY_SOURCE_DIGEST, metadata.source_digest),
    ]


def _stored(name: str, matrix: NDArray[np.float32], dtype: Dtype) -> NDArray[np.float16] | NDArray[np.float32]:
    with np.errstate(over="ignore"):
        stored = matrix.astype(np.float16) if dtype is Dtype.F16 else matrix
    if not np.isfinite(stored).all():
        raise InvalidInput(f"it holds numbers that {dtype} cannot hold; write it with --dtype f32", name)
    return stored
