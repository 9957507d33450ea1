"""Is this file an adapter that llama.cpp may be given?

llama.cpp itself aborts the process on some malformed files (alpha stored as an integer, a tensor of integers), loads
others without a word (NaN), and does not ask which base an adapter was made for: so it is asked here, in Python, and
in bounded memory, before the library sees the path.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from timbre_common import adapter_header, adapters, gguf_header
from timbre_common.adapter_header import Beside
from timbre_common.errors import (
    DigestMismatch,
    EngineUnavailable,
    FileMissing,
    InvalidInput,
    Malformed,
    TooLarge,
    WrongBase,
)
from timbre_common.gguf_header import Tensor, Value
from timbre_engine.model.manifest import Transformer

MAX_BYTES: Final = 512 << 20
_BLOCK: Final = 1 << 20
_NUMPY: Final = {gguf_header.F32: "<f4", gguf_header.F16: "<f2"}
_OWN: Final = "timbre."


@dataclass(frozen=True)
class AdapterFile:
    """An adapter that was looked at and fits."""

    path: Path
    digest: str
    """`sha256:…` of the file."""
    rank: int
    """The largest of its pairs' ranks; 0 where only the code predictor is adapted."""
    alpha: float
    metadata: Mapping[str, str | int | float | bool]
    """Its `timbre.*` keys, without the prefix."""
    x_vector: NDArray[np.float32] | None = field(default=None, compare=False)
    """[hidden]: the voice that it was trained as."""
    stamp: tuple[int, ...] = field(default=(), compare=False)
    """Tells whether the file was exchanged since."""
    predictor: "AdapterFile | None" = None
    """The second file: what is adapted of the code predictor."""

    @property
    def largest_rank(self) -> int:
        """The second file's counted in."""
        return max(self.rank, self.predictor.rank if self.predictor else 0)

    @property
    def streaming_text(self) -> bool:
        """Whether text and speech ran side by side while it was trained."""
        return self.metadata.get(adapters.KEY_LAYOUT.removeprefix(_OWN)) != adapters.LAYOUT_FULL


def resolve(directory: Path, relative: str, field: str = "adapter.path") -> Path:
    """The file below the adapters' directory that a voice names, links followed. Raises FileMissing, InvalidInput."""
    try:
        root = directory.resolve(strict=True)
        path = (root / relative).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no path to a file"
        raise FileMissing(f"{relative!r} cannot be found below {directory}: {reason}", field) from error
    if path == root or not path.is_relative_to(root):
        raise InvalidInput(f"{relative!r} lies outside {directory}", field)
    return path


def check(
    path: Path, *, base_digest: str, sizes: Transformer, predictor: Transformer, max_rank: int, digest: str | None
) -> AdapterFile:
    """Look at an adapter file, and at the second one that it names. `base_digest`, `sizes` of the talker and of the
    `predictor` are the engine's model's, `digest` what the voice asks for.

    Raises FileMissing, DigestMismatch, WrongBase, Malformed, or TooLarge over a bound: the message is the reason, the
    field the key or tensor.
    Whoever can write the file can still exchange it between this look and llama.cpp's.
    """
    file, beside = _look(path, adapters.ARCHITECTURE, base_digest, sizes, max_rank, digest)
    if beside is None:
        return file
    second = resolve(path.parent, _name(path.parent, beside), adapters.KEY_PREDICTOR_FILE)
    try:
        found, _ = _look(second, adapters.PREDICTOR_ARCHITECTURE, base_digest, predictor, max_rank, beside.digest)
    except InvalidInput as error:
        raise type(error)(f"{beside.file}: {error}", adapters.KEY_PREDICTOR_FILE) from error
    return replace(file, predictor=found)


def _name(folder: Path, beside: Beside) -> str:
    """What the second file is called: as a fetcher puts it, where it is there so, or as its maker named it."""
    return beside.fetched if (folder / beside.fetched).exists() else beside.file


def _look(
    path: Path, architecture: str, base_digest: str, sizes: Transformer, max_rank: int, digest: str | None
) -> tuple[AdapterFile, Beside | None]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FileMissing(f"{path.name} is no file")
        if status.st_size > MAX_BYTES:
            raise TooLarge(f"{path.name} is over {MAX_BYTES >> 20} MiB")
        with path.open("rb") as file:
            found = _digest(file)
            if digest is not None and digest != found:
                raise DigestMismatch(f"the file's digest is {found}, not {digest}", "adapter.digest")
            file.seek(0)
            header = gguf_header.parse(file.read(gguf_header.MAX_BYTES), status.st_size)
            alpha = adapter_header.alpha(header.metadata, architecture)
            _refuse_other_base(header.metadata, base_digest)
            x_vector = _x_vector(header.metadata, sizes.hidden)
            rank = adapter_header.largest_rank(header, sizes, max_rank)
            beside = adapter_header.predictor(header.metadata)
            _refuse_not_finite(file, header.tensors)
    except OSError as error:
        raise FileMissing(f"{path.name} cannot be read: {error.strerror}") from error
    return AdapterFile(path, found, rank, alpha, _own(header.metadata), x_vector, _stamp(status)), beside


def unchanged(file: AdapterFile) -> bool:
    """Whether the files are still those that were looked at, as far as inode, size and time tell."""
    try:
        same = _stamp(file.path.stat()) == file.stamp
    except OSError:
        return False
    return same and (file.predictor is None or unchanged(file.predictor))


def matrices(file: AdapterFile) -> dict[str, NDArray[np.float32]]:
    """The tensors of a file that was looked at, by name. Raises EngineUnavailable where it cannot be read any more."""
    try:
        with file.path.open("rb") as opened:
            header = gguf_header.parse(opened.read(gguf_header.MAX_BYTES), file.path.stat().st_size)
            return {tensor.name: _numbers(opened, tensor).astype(np.float32) for tensor in header.tensors}
    except (OSError, InvalidInput) as error:
        raise EngineUnavailable(f"{file.path.name} cannot be read any more: {error}") from error


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def _refuse_other_base(metadata: Mapping[str, Value], base_digest: str) -> None:
    made_for = adapter_header.base_digest(metadata)
    if made_for != base_digest:
        raise WrongBase(
            f"it was made for the base {made_for}, and this engine's is {base_digest}", adapters.KEY_BASE_DIGEST
        )


def _x_vector(metadata: Mapping[str, Value], hidden: int) -> NDArray[np.float32] | None:
    numbers = adapter_header.x_vector(metadata, hidden)
    if numbers is None:
        return None
    with np.errstate(over="ignore"):
        vector = np.array(numbers, np.float32)
    if not np.isfinite(vector).all():
        raise Malformed("it holds numbers that are not finite", adapters.KEY_X_VECTOR)
    return vector


def _refuse_not_finite(file: BinaryIO, tensors: Iterable[Tensor]) -> None:
    for tensor in tensors:
        if not np.isfinite(_numbers(file, tensor)).all():
            raise Malformed("it holds numbers that are not finite", tensor.name)


def _numbers(file: BinaryIO, tensor: Tensor) -> NDArray[np.floating[Any]]:
    file.seek(tensor.offset)
    data = file.read(tensor.size)
    if len(data) != tensor.size:
        raise Malformed("the file breaks off within it", tensor.name)
    return np.frombuffer(data, _NUMPY[tensor.kind]).reshape(tensor.shape)


def _own(metadata: Mapping[str, Value]) -> dict[str, str | int | float | bool]:
    return {
        key.removeprefix(_OWN): value.content
        for key, value in metadata.items()
        if key.startswith(_OWN) and not isinstance(value.content, list)
    }
