"""What an adapter file's header must say before its numbers are worth reading: kind, alpha, base, shapes."""

import math
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from timbre_common import adapters, gguf_header
from timbre_common.adapters import Sizes
from timbre_common.errors import Malformed, TooLarge
from timbre_common.gguf_header import Header, Value

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_KNOWN_KEYS: Final = {adapters.KEY_METHOD, adapters.KEY_ALPHA}
"""The keys below `adapter.` that are read here; others would change what llama.cpp does."""


class Beside(NamedTuple):
    """The second file, as the first tells of it."""

    file: str
    """Its name, in the first one's folder."""
    digest: str
    """`sha256:…`"""

    @property
    def fetched(self) -> str:
        """What it is called where a fetcher has put both, each under its digest."""
        return f"{self.digest.removeprefix('sha256:')}.gguf"


def alpha(metadata: Mapping[str, Value], architecture: str = adapters.ARCHITECTURE) -> float:
    """The file's alpha, where it is a LoRA adapter of this architecture. Raises Malformed that names the key."""
    for key, expected in (
        (adapters.KEY_TYPE, adapters.TYPE),
        (adapters.KEY_ARCHITECTURE, architecture),
        (adapters.KEY_METHOD, adapters.METHOD),
    ):
        if text(metadata, key) != expected:
            raise Malformed(f"the text {expected!r} is right: this is no adapter for Qwen3-TTS", key)
    for key in metadata:
        if key.startswith("adapter.") and key not in _KNOWN_KEYS:
            raise Malformed("a kind of adapter that is not served here", key)
    value = metadata.get(adapters.KEY_ALPHA)
    if value is None or value.kind != gguf_header.FLOAT32 or not isinstance(value.content, float):
        raise Malformed("a float32 is right", adapters.KEY_ALPHA)
    if not 0 < value.content < math.inf:
        raise Malformed(f"a finite number above 0 is right, not {value.content}", adapters.KEY_ALPHA)
    return value.content


def base_digest(metadata: Mapping[str, Value]) -> str:
    """Digest of the base that it was made for. Raises Malformed where it does not say."""
    made_for = text(metadata, adapters.KEY_BASE_DIGEST)
    if made_for is None or not _DIGEST.fullmatch(made_for):
        raise Malformed("it does not say which base it was made for: timbre-loras export", adapters.KEY_BASE_DIGEST)
    return made_for


def predictor(metadata: Mapping[str, Value]) -> Beside | None:
    """The file with what is adapted of the code predictor; None: nothing is. Raises Malformed."""
    if adapters.KEY_PREDICTOR_FILE not in metadata:
        return None
    file, digest = (text(metadata, key) for key in (adapters.KEY_PREDICTOR_FILE, adapters.KEY_PREDICTOR_DIGEST))
    if file is None or not _NAME.fullmatch(file):
        raise Malformed("a file's name, without a folder, is right", adapters.KEY_PREDICTOR_FILE)
    if digest is None or not _DIGEST.fullmatch(digest):
        raise Malformed("sha256: and 64 hexadecimal digits are right", adapters.KEY_PREDICTOR_DIGEST)
    return Beside(file, digest)


def x_vector(metadata: Mapping[str, Value], hidden: int | None = None) -> list[float] | None:
    """The vector of the voice that it was trained as, `hidden` long where that is known; None: there is none.

    Raises Malformed. Whether its numbers are finite is not looked at.
    """
    value = metadata.get(adapters.KEY_X_VECTOR)
    if value is None:
        return None
    content = value.content if isinstance(value.content, list) else None
    numbers = [number for number in content or () if isinstance(number, float)]
    if content is None or len(numbers) != len(content):
        raise Malformed("an array of float32 is right", adapters.KEY_X_VECTOR)
    if hidden is not None and len(numbers) != hidden:
        raise Malformed(f"{hidden} numbers fit the base, not {len(numbers)}", adapters.KEY_X_VECTOR)
    return numbers


def largest_rank(header: Header, sizes: Sizes, most: int | None = None) -> int:
    """The largest rank of the pairs, 0 where all that is adapted is in a second file. Raises Malformed that names a
    tensor which is none of a pair's or does not fit the base, TooLarge where a rank is over `most`.
    """
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    ranks = [_rank(name, shapes, sizes, most) for name in shapes]
    if not ranks and predictor(header.metadata) is None:
        raise Malformed("there is no tensor in it")
    return max(ranks, default=0)


def text(metadata: Mapping[str, Value], key: str) -> str | None:
    """A key's text; None where there is none."""
    value = metadata.get(key)
    return value.content if value is not None and isinstance(value.content, str) else None


def _rank(name: str, shapes: Mapping[str, tuple[int, ...]], sizes: Sizes, most: int | None) -> int:
    place = adapters.parse_tensor_name(name)
    if place is None:
        raise Malformed("no tensor of an adapter for Qwen3-TTS", name)
    layer, target, half = place
    if layer >= sizes.layers:
        raise Malformed(f"the base has {sizes.layers} layers", name)
    other = adapters.tensor_name(layer, target, "b" if half == "a" else "a")
    if other not in shapes:
        raise Malformed(f"{other} is missing beside it", name)
    rows, columns = adapters.weight_shape(target, sizes)
    rank = shapes[name if half == "a" else other][0] if shapes[name] and shapes[other] else 0
    expected = (rank, columns) if half == "a" else (rows, rank)
    if rank < 1 or shapes[name] != expected:
        raise Malformed(f"its shape is {shapes[name]}; {expected} fits the base and the other half", name)
    if most is not None and rank > most:
        raise TooLarge(f"its rank is {rank}; at most {most} is served", name)
    return rank
