"""The adapter file, and the second one where the code predictor is adapted.

Written whole or not at all, and the same bytes for the same input.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from gguf import GGUFWriter
from numpy.typing import NDArray

from timbre_common import adapters
from timbre_common.adapter_header import Beside
from timbre_common.errors import InvalidInput
from timbre_loras import atomic
from timbre_loras.fold import fold
from timbre_loras.peft_adapter import Pair
from timbre_loras.profile import label

_SHORT: Final = 12
"""Digits of the digest in the second file's name."""


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
    source_alpha: float | None
    """None: it was not trained, but mixed."""
    licence: str
    source_digest: str
    x_vector: NDArray[np.float32] | None = None
    """[hidden]."""
    merged_from: tuple[str, ...] = ()
    predictor: Beside | None = None
    """The second file."""


def write(
    path: Path, talker: Sequence[Pair], predictor: Sequence[Pair], metadata: Metadata, dtype: Dtype
) -> Path | None:
    """Write the file and put it in place by one rename; before it the second one, if `predictor` has pairs. Its path.

    The second one's name holds its digest, so the file that was there before keeps its own.
    Raises SetupError where one cannot be written, InvalidInput that names a matrix which float16 cannot hold.
    """
    with atomic.replacing(path) as partial:
        if not predictor:
            _fill(partial, adapters.ARCHITECTURE, talker, metadata, dtype)
            return None
        with TemporaryDirectory() as folder:
            whole = Path(folder) / "predictor.gguf"
            _fill(whole, adapters.PREDICTOR_ARCHITECTURE, predictor, _of_second(metadata), dtype)
            data = whole.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        second = path.with_name(f"{label(path.stem)}.predictor-{digest[:_SHORT]}.gguf")
        named = replace(metadata, predictor=Beside(second.name, f"sha256:{digest}"))
        _fill(partial, adapters.ARCHITECTURE, talker, named, dtype)
        with atomic.replacing(second) as other:
            other.write_bytes(data)
    return second


def _of_second(metadata: Metadata) -> Metadata:
    """Whose voice it is, and how it speaks, stands in the first file alone."""
    return replace(metadata, speaker="", language="", layout="", x_vector=None)


def _fill(path: Path, architecture: str, pairs: Sequence[Pair], metadata: Metadata, dtype: Dtype) -> None:
    alpha, folded = fold(pairs)
    writer = GGUFWriter(path, architecture)
    writer.add_string(adapters.KEY_TYPE, adapters.TYPE)
    writer.add_string("general.name", metadata.name)
    writer.add_string(adapters.KEY_METHOD, adapters.METHOD)
    writer.add_float32(adapters.KEY_ALPHA, alpha)
    for key, text in _texts(metadata):
        if text:
            writer.add_string(key, text)
    writer.add_uint32(adapters.KEY_RANK, max((pair.rank for pair in pairs), default=0))
    if metadata.source_alpha is not None:
        writer.add_float32(adapters.KEY_SOURCE_ALPHA, metadata.source_alpha)
    if metadata.merged_from:
        writer.add_array(adapters.KEY_MERGED_FROM, list(metadata.merged_from))
    if metadata.x_vector is not None:
        writer.add_array(adapters.KEY_X_VECTOR, metadata.x_vector.tolist())
    for pair in folded:
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
        (adapters.KEY_PREDICTOR_FILE, metadata.predictor.file if metadata.predictor else ""),
        (adapters.KEY_PREDICTOR_DIGEST, metadata.predictor.digest if metadata.predictor else ""),
    ]


def _stored(name: str, matrix: NDArray[np.float32], dtype: Dtype) -> NDArray[np.float16] | NDArray[np.float32]:
    with np.errstate(over="ignore"):
        stored = matrix.astype(np.float16) if dtype is Dtype.F16 else matrix
    if not np.isfinite(stored).all():
        raise InvalidInput(f"it holds numbers that {dtype} cannot hold; write it with --dtype f32", name)
    return stored
