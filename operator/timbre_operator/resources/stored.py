"""Objects as the API server stores them, whose schema may be newer than this operator.

The API server has refused unknown fields by then. What is left of them here are fields that a newer schema added, with
its defaults in every object: they are left out, so that upgrading the CRDs first stops no voice.
"""

from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from timbre_common import decoding
from timbre_common.errors import InvalidInput

T = TypeVar("T", bound=msgspec.Struct)


def convert(value: Any, kind: type[T]) -> T:
    """A stored object as `kind`. Raises InvalidInput that names the field."""
    try:
        return decoding.convert(value, kind)
    except InvalidInput:
        return decoding.convert(_known(value, _info(kind)), kind)


@cache
def _info(kind: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(kind)


def _known(value: Any, kind: inspect.Type) -> Any:
    match kind, value:
        case inspect.StructType(), dict():
            fields = {field.encode_name: field.type for field in kind.fields}
            return {name: _known(below, fields[name]) for name, below in value.items() if name in fields}
        case inspect.ListType(), list():
            return [_known(below, kind.item_type) for below in value]
        case inspect.DictType(), dict():
            return {name: _known(below, kind.value_type) for name, below in value.items()}
        case inspect.UnionType(), _:
            structs = [each for each in kind.types if isinstance(each, inspect.StructType)]
            return _known(value, structs[0]) if structs else value
    return value
