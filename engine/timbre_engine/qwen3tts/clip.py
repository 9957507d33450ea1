"""A voice taken from a recording, and the voice file that holds it: safetensors, checked in bounded memory.

Tensors: `x_vector` [hidden] float32; for a recording that is continued `codes` [frames, codebooks] integers, and what
is said in it as `text` in the metadata. Other metadata is left alone.
"""

import hashlib
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from timbre_common import adapters, decoding
from timbre_common.errors import DigestMismatch, FileMissing, Malformed, TooLarge
from timbre_engine.model.manifest import Manifest

MAX_BYTES: Final = 2 << 20
"""Of a voice file; one of ten seconds has some 30 KiB."""
_FIELD: Final = "reference"
_VECTOR: Final = f"{_FIELD}.{adapters.X_VECTOR}"
_CODES: Final = f"{_FIELD}.codes"
_KNOWN: Final = {adapters.X_VECTOR, "codes"}
_LENGTH: Final = struct.Struct("<Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A voice taken from a recording, for models that take one."""

    x_vector: NDArray[np.float32]
    """[hidden]: what the speaker encoder made of it."""
    codes: NDArray[np.int32] | None = None
    """[frames, codebooks]: the recording itself, which is then continued in its manner."""
    text: str = ""
    """What is said in it; with `codes`."""
    key: str = field(init=False)
    """Tells this clip from others, by its content."""

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.x_vector.tobytes())
        if self.codes is not None:
            digest.update(self.codes.tobytes() + self.text.encode())
        object.__setattr__(self, "key", digest.hexdigest())


class _Head(msgspec.Struct):
    metadata: dict[str, str] | None = msgspec.field(default=None, name="__metadata__")


def read(path: Path, manifest: Manifest, digest: str | None = None) -> Clip:
    """The clip in a voice file; `digest` is what the voice asks for. Raises FileMissing,
    DigestMismatch, TooLarge or Malformed that names the field.
    """
    data = _data(path, digest)
    try:
        tensors = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError) as error:  # KeyError: a type of numbers that numpy does not have
        raise Malformed(f"{path.name} is no voice file: {error}", _FIELD) from error
    unknown = sorted(tensors.keys() - _KNOWN)
    if unknown:
        raise Malformed(f"x_vector and codes are right, not {unknown[0][:64]!r}", _FIELD)
    codes = _codes(tensors.get("codes"), manifest)
    return Clip(
        x_vector=_vector(tensors.get(adapters.X_VECTOR), manifest.talker.hidden),
        codes=codes,
        text="" if codes is None else _text(data),
    )


def _data(path: Path, digest: str | None) -> bytes:
    try:
        if not path.is_file():
            raise FileMissing(f"{path.name} is no file", f"{_FIELD}.path")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileMissing(f"{path.name} cannot be read: {error.strerror}", f"{_FIELD}.path") from error
    if len(data) > MAX_BYTES:
        raise TooLarge(f"{path.name} is over {MAX_BYTES >> 20} MiB", f"{_FIELD}.path")
    found = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if digest is not None and digest != found:
        raise DigestMismatch(f"the file's digest is {found}, not {digest}", f"{_FIELD}.digest")
    return data


def _vector(vector: NDArray[Any] | None, hidden: int) -> NDArray[np.float32]:
    if vector is None or vector.dtype != np.float32 or vector.shape != (hidden,):
        raise Malformed(f"float32 [{hidden}] is right for this model", _VECTOR)
    if not np.isfinite(vector).all():
        raise Malformed("it holds numbers that are not finite", _VECTOR)
    return vector


def _codes(codes: NDArray[Any] | None, manifest: Manifest) -> NDArray[np.int32] | None:
    if codes is None:
        return None
    books, most = manifest.codec.codebooks, manifest.codec_ids.codes
    if codes.dtype.kind not in "iu" or codes.ndim != 2 or codes.shape[1] != books or not len(codes):
        raise Malformed(f"whole numbers [frames, {books}] are right", _CODES)
    wrong = np.argwhere((codes < 0) | (codes >= most))
    if len(wrong):
        frame, book = wrong[0]
        raise Malformed(f"0 to {most - 1} are codes, not {codes[frame, book]}", f"{_CODES}[{frame}][{book}]")
    return codes.astype(np.int32)


def _text(data: bytes) -> str:
    (length,) = _LENGTH.unpack_from(data)  # the library has looked at the header, and does not hand its metadata on
    head = decoding.from_json(data[_LENGTH.size : _LENGTH.size + length], _Head)
    text = (head.metadata or {}).get("text", "").strip()
    if not text:
        raise Malformed("what is said in the recording is right beside its codes, as metadata", f"{_FIELD}.text")
    return text
