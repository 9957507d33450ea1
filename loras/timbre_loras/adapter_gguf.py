"""An adapter file as `timbre-loras export` writes it, read back: what it says of itself, and its matrices."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_common import adapter_header, adapters, gguf_header
from timbre_common.adapters import Sizes
from timbre_common.errors import InvalidInput, SetupError, TooLarge
from timbre_common.gguf_header import Header, Tensor
from timbre_loras.peft_adapter import MAX_BYTES, Pair

_NUMPY: Final = {gguf_header.F32: "<f4", gguf_header.F16: "<f2"}


@dataclass(frozen=True)
class AdapterGguf:
    """A file whose header was looked at; its matrices are read when asked for."""

    path: Path
    size: int
    """Bytes."""
    digest: str
    """`sha256:…` of the file."""
    header: Header
    architecture: str = adapters.ARCHITECTURE
    """Which it must be of."""

    @property
    def alpha(self) -> float:
        """Of all pairs; each is multiplied by alpha / its rank. Raises InvalidInput."""
        return adapter_header.alpha(self.header.metadata, self.architecture)

    @property
    def base_digest(self) -> str:
        """Of the base that it was made for. Raises InvalidInput."""
        return adapter_header.base_digest(self.header.metadata)

    @property
    def ranks(self) -> list[int]:
        """The different ranks of its pairs."""
        halves = (tensor.shape for tensor in self.header.tensors if tensor.name.endswith(".lora_a") and tensor.shape)
        return sorted({shape[0] for shape in halves})

    @property
    def x_vector(self) -> NDArray[np.float32] | None:
        """[hidden]: the voice that it was trained as. Raises InvalidInput."""
        numbers = adapter_header.x_vector(self.header.metadata)
        return None if numbers is None else np.array(numbers, np.float32)

    def predictor(self) -> "AdapterGguf | None":
        """The second file, in the same folder; None where it names none. Raises InvalidInput, SetupError."""
        beside = adapter_header.predictor(self.header.metadata)
        if beside is None:
            return None
        found = read(self.path.with_name(beside.file), adapters.PREDICTOR_ARCHITECTURE)
        if found.digest != beside.digest:
            raise InvalidInput(f"{self.path.name} names {beside.digest}, and it is {found.digest}", beside.file)
        return found

    def text(self, key: str) -> str:
        """A text of its metadata; "" where there is none."""
        return adapter_header.text(self.header.metadata, key) or ""

    def pairs(self, sizes: Sizes | None = None) -> list[Pair]:
        """Its pairs, by layer and in the order of `adapters.TARGETS`, float32, each with its own scale.

        Raises InvalidInput that names a tensor which is none of a pair's, is not finite, or does not fit the base's
        sizes, where those are known.
        """
        if sizes is not None:
            adapter_header.largest_rank(self.header, sizes)
        found: dict[tuple[int, str], dict[str, Tensor]] = {}
        for tensor in self.header.tensors:
            place = adapters.parse_tensor_name(tensor.name)
            if place is None:
                raise InvalidInput("no tensor of an adapter for Qwen3-TTS", tensor.name)
            found.setdefault(place[:2], {})[place[2]] = tensor
        order, alpha = list(adapters.TARGETS.values()), self.alpha
        return [
            self._pair(layer, target, found[layer, target], alpha)
            for layer, target in sorted(found, key=lambda place: (place[0], order.index(place[1])))
        ]

    def _pair(self, layer: int, target: str, halves: dict[str, Tensor], alpha: float) -> Pair:
        for half, other in ("ab", "ba"):
            if half not in halves:
                raise InvalidInput(f"its lora_{half} is missing", halves[other].name)
        a, b = (self._matrix(halves[half]) for half in "ab")
        if a.ndim != 2 or b.ndim != 2 or not len(a) or len(a) != b.shape[1]:
            raise InvalidInput(f"its shape {a.shape} does not fit the other half's {b.shape}", halves["a"].name)
        return Pair(layer, target, a, b, alpha / len(a))

    def _matrix(self, tensor: Tensor) -> NDArray[np.float32]:
        try:
            with self.path.open("rb") as file:
                file.seek(tensor.offset)
                data = file.read(tensor.size)
        except OSError as error:
            raise SetupError(f"{self.path} cannot be read: {error.strerror}") from error
        if len(data) != tensor.size:
            raise InvalidInput("the file breaks off within it", tensor.name)
        matrix = np.frombuffer(data, _NUMPY[tensor.kind]).astype(np.float32).reshape(tensor.shape)
        if not np.isfinite(matrix).all():
            raise InvalidInput("it holds numbers that are not finite", tensor.name)
        return matrix


def read(path: Path, architecture: str = adapters.ARCHITECTURE) -> AdapterGguf:
    """Look at a file. Raises SetupError where it cannot be read, InvalidInput where it is no GGUF file of matrices."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise TooLarge(f"an adapter has at most {MAX_BYTES >> 20} MiB", path.name)
        with path.open("rb") as file:
            header = gguf_header.parse(file.read(gguf_header.MAX_BYTES), size)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error
    return AdapterGguf(path, size, f"sha256:{digest}", header, architecture)


def delta(pair: Pair) -> NDArray[np.float64]:
    """What a pair adds to its weight [out, in] at scale 1."""
    return pair.scale * (pair.b.astype(np.float64) @ pair.a.astype(np.float64))
