"""msgspec's errors as our own: one place that turns foreign bytes into typed structs."""

import re
from typing import Any, TypeVar

import msgspec
import yaml

from timbre_common.errors import InvalidInput

T = TypeVar("T")

_LOCATION = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$\.?(?P<where>[^`]*)`)?$", re.DOTALL)


def from_json(data: bytes | str, kind: type[T]) -> T:
    """`data` as `kind`. Raises InvalidInput that names the field, never anything else."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise invalid(error) from error


def from_yaml(text: str, kind: type[T]) -> T:
    """`text` as `kind`. Raises InvalidInput that names the field or the line."""
    try:
        return convert(yaml.safe_load(text), kind)
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidInput(f"not valid YAML: {' '.join(str(error).split())}") from error


def convert(value: Any, kind: type[T]) -> T:
    """A plain value (dicts, lists, numbers, strings) as `kind`. Raises InvalidInput that names the field."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise invalid(error) from error


def invalid(error: Exception) -> InvalidInput:
    """msgspec's message split into the field's path and what is wrong with it."""
    match = _LOCATION.match(str(error))
    if match is None:
        return InvalidInput(str(error))
    return InvalidInput(match["what"], match["where"] or "")
