"""What an adapter has to know of its base: the model directory's `model.json`."""

from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from timbre_common import decoding, names
from timbre_common.errors import InvalidInput, SetupError

_MANIFEST: Final = names.MODEL_FILE
_TALKER: Final = "talker.gguf"
_EMBEDDINGS: Final = "embeddings.npy"
_Size = Annotated[int, msgspec.Meta(ge=1)]


class Sizes(msgspec.Struct, frozen=True):
    """Of the talker, or of its code predictor."""

    hidden: _Size
    layers: _Size
    heads: _Size
    kv_heads: _Size
    head_dim: _Size
    ffn: _Size


class _File(msgspec.Struct, frozen=True):
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Base(msgspec.Struct, frozen=True):
    """The part of the manifest that matters here; the engine reads, and checks, the whole."""

    name: str
    kind: str
    talker: Sizes
    predictor: Sizes
    languages: dict[str, int]
    speakers: dict[str, int]
    files: dict[str, _File]

    @property
    def digest(self) -> str:
        """`sha256:…` of the talker, which an adapter belongs to."""
        return f"sha256:{self.files[_TALKER].sha256}"


def read(directory: Path) -> Base:
    """The base in a model directory. Raises SetupError where there is none, InvalidInput that names the field."""
    try:
        data = (directory / _MANIFEST).read_bytes()
    except OSError as error:
        raise SetupError(
            f"{directory} is no model directory: {_MANIFEST}: {error.strerror}; make one: timbre-engine convert"
        ) from error
    base = decoding.from_json(data, Base)
    if _TALKER not in base.files:
        raise InvalidInput(f"{_TALKER} is missing", "files")
    return base


def speaker_row(directory: Path, base: Base, speaker: str) -> NDArray[np.float32]:
    """The row [hidden] of one of the base's speakers. Raises InvalidInput, SetupError."""
    if speaker not in base.speakers:
        raise InvalidInput(f"{base.name} has no speaker {speaker}", "speaker")
    try:
        table = np.load(directory / _EMBEDDINGS, mmap_mode="r")
        return np.array(table[base.speakers[speaker]], np.float32)
    except (OSError, ValueError, IndexError) as error:
        raise SetupError(f"{directory / _EMBEDDINGS} cannot be read: {error}") from error
