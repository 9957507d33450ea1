"""The header of a GGUF file that nobody vouches for: metadata and where the tensors lie, or Malformed.

The gguf package's own reader trusts lengths that it finds: a few bytes make it loop for hours. Here every count and
length is bounded before it is followed, and nothing of a tensor's data is touched.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final

from timbre_common.errors import Malformed

MAX_BYTES: Final = 4 << 20
"""Of a header; an adapter's has some 20 KiB."""
MAX_ENTRIES: Final = 4096
"""Of the metadata, of an array in it, and of the tensors, each."""

F32: Final = 0
F16: Final = 1
ITEM_SIZE: Final = {F32: 4, F16: 2}
"""Bytes of a number, by the tensor types that are read here."""

FLOAT32: Final = 6
STRING: Final = 8
_ARRAY: Final = 9
_UINT32: Final = 4
_SCALARS: Final = {
    0: "B", 1: "b", 2: "H", 3: "h", _UINT32: "I", 5: "i", FLOAT32: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
"""GGUF's value types -> struct's."""

_DEFAULT_ALIGNMENT: Final = 32
_MAX_ALIGNMENT: Final = 4096
_MAX_NAME: Final = 256
_MAX_DIMENSIONS: Final = 4

Scalar = int | float | bool | str


@dataclass(frozen=True)
class Value:
    """A value of the metadata; `kind` is GGUF's number for its type."""

    kind: int
    content: Scalar | list[Scalar]


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies; `shape` as numpy has it, the fastest dimension last."""

    name: str
    kind: int
    shape: tuple[int, ...]
    offset: int
    """From the start of the file."""
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself."""

    metadata: Mapping[str, Value]
    tensors: list[Tensor]


def parse(data: bytes, file_size: int) -> Header:
    """The header in a file's first bytes (MAX_BYTES of them, or all).

    Raises Malformed: broken off, over a bound, a tensor of another type than F32 and F16, or tensors that do not lie
    one after the other within `file_size` bytes.
    """
    cursor = _Cursor(data)
    if cursor.take(4) != b"GGUF":
        raise Malformed("this is no GGUF file")
    version = cursor.number("I")
    if version not in (2, 3):
        raise Malformed(f"GGUF of version 2 or 3 is read here, not {version}")
    tensors, entries = cursor.count("Q"), cursor.count("Q")
    metadata: dict[str, Value] = {}
    for _ in range(entries):
        key = cursor.string(_MAX_NAME)
        if key in metadata:
            raise Malformed("it is there twice", key)
        metadata[key] = _value(cursor)
    places = [_place(cursor) for _ in range(tensors)]
    alignment = _alignment(metadata)
    start = cursor.position + -cursor.position % alignment
    return Header(metadata, _laid_out(places, start, alignment, file_size))


@dataclass(frozen=True)
class _Place:
    name: str
    kind: int
    shape: tuple[int, ...]
    offset: int


class _Cursor:
    """Reads on and never past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._data):
            raise Malformed("the file breaks off within its header, or the header is too large")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def number(self, code: str) -> int:
        return int(self.scalar(code))

    def scalar(self, code: str) -> int | float | bool:
        (number,) = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))
        found: int | float | bool = number
        return found

    def count(self, code: str, bound: int = MAX_ENTRIES) -> int:
        number = self.number(code)
        if number > bound:
            raise Malformed(f"a count of at most {bound} is read here, not {number}")
        return number

    def string(self, bound: int = MAX_BYTES) -> str:
        try:
            return self.take(self.count("Q", bound)).decode()
        except UnicodeDecodeError:
            raise Malformed("a text of its header is not UTF-8") from None


def _value(cursor: _Cursor) -> Value:
    kind = cursor.number("I")
    if kind != _ARRAY:
        return Value(kind, _single(cursor, kind))
    inner = cursor.number("I")
    return Value(kind, [_single(cursor, inner) for _ in range(cursor.count("Q"))])


def _single(cursor: _Cursor, kind: int) -> Scalar:
    if kind == STRING:
        return cursor.string()
    if kind not in _SCALARS:
        raise Malformed(f"the header holds a value of type {kind}, which is not read here")
    return cursor.scalar(_SCALARS[kind])


def _place(cursor: _Cursor) -> _Place:
    name = cursor.string(_MAX_NAME)
    dimensions = [cursor.number("Q") for _ in range(cursor.count("I", _MAX_DIMENSIONS))]
    kind = cursor.number("I")
    if kind not in ITEM_SIZE:
        raise Malformed(f"its numbers are of type {kind}; F32 (0) or F16 (1) is right", name)
    return _Place(name, kind, tuple(reversed(dimensions)), cursor.number("Q"))


def _alignment(metadata: Mapping[str, Value]) -> int:
    key = "general.alignment"
    value = metadata.get(key, Value(_UINT32, _DEFAULT_ALIGNMENT))
    found = value.content
    if value.kind != _UINT32 or not isinstance(found, int) or not 1 <= found <= _MAX_ALIGNMENT or found & (found - 1):
        raise Malformed(f"a power of two up to {_MAX_ALIGNMENT}, as uint32, is right", key)
    return found


def _laid_out(places: list[_Place], start: int, alignment: int, file_size: int) -> list[Tensor]:
    tensors: dict[str, Tensor] = {}
    expected = 0
    for place in places:
        size = prod(place.shape) * ITEM_SIZE[place.kind]
        if place.name in tensors:
            raise Malformed("it is there twice", place.name)
        if place.offset != expected:
            raise Malformed("it does not follow the tensor before it", place.name)
        if start + expected + size > file_size:
            raise Malformed("the file breaks off within it", place.name)
        tensors[place.name] = Tensor(place.name, place.kind, place.shape, start + expected, size)
        expected += size + -size % alignment
    return list(tensors.values())
