"""An ONNX file's constants and properties, read without its libraries: what is not asked for stays on the disk.

An ONNX file is a protobuf message (onnx.proto of the ONNX project): a model's field 7 is its graph, each field 5 of a
graph a tensor; of a tensor, 1 is a dimension, 2 the type, 8 the name and 9 the values, little-endian. Each field 14 of
a model is a property; of a property, 1 is the key and 2 the value.
"""

import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput

_GRAPH: Final = 7
_TENSOR: Final = 5
_PROPERTY: Final = 14
_KEY, _VALUE = 1, 2
_DIMENSION, _TYPE, _NAME, _VALUES = 1, 2, 8, 9
_TYPES: Final[Mapping[int, str]] = {1: "<f4", 2: "u1", 6: "<i4", 7: "<i8", 10: "<f2"}
"""Those of onnx.TensorProto that our files have."""
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


def constants(path: Path) -> dict[str, NDArray[Any]]:
    """Every constant by its name, read-only, mapped from the file.

    Raises OSError where it cannot be read, and InvalidInput where it is no such file.
    """
    with _mapped(path) as model:
        return dict(
            _constant(tensor)
            for number, graph in _fields(model)
            if number == _GRAPH
            for inner, tensor in _fields(graph)
            if inner == _TENSOR
        )


def properties(path: Path) -> dict[str, str]:
    """The model's properties. Raises as `constants`."""
    with _mapped(path) as model:
        pairs = [dict(_fields(each)) for number, each in _fields(model) if number == _PROPERTY]
        return {str(pair[_KEY], "utf-8"): str(pair[_VALUE], "utf-8") for pair in pairs}


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    try:
        with path.open("rb") as file:
            yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise InvalidInput(f"it is not laid out as this release converts ({error})", str(path)) from error


def _constant(tensor: memoryview) -> tuple[str, NDArray[Any]]:
    dimensions, kind, name, values = [], 0, "", memoryview(b"")
    for number, value in _fields(tensor):
        if number == _DIMENSION:
            dimensions.append(value)
        elif number == _TYPE:
            kind = value
        elif number == _NAME:
            name = str(value, "utf-8")
        elif number == _VALUES:
            values = value
    return name, np.frombuffer(values, _TYPES[kind]).reshape(dimensions)


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """A message's fields in turn: number, and an integer or the bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        else:
            size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}[wire]
        if at + size > len(message):
            raise ValueError("it is cut short")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """An integer of seven bits a byte, the lowest first; and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
