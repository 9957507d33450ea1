"""Adapters named on the command line: `--lora name=path[:scale]`. Each makes a voice of that name."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from timbre_common import decoding
from timbre_common.errors import InvalidInput
from timbre_common.voiceprofile import Adapter, Label

FLAG: Final = "--lora"
_FORM: Final = "name=path or name=path:scale is right, such as lisa=lisa.gguf:0.8"
_SCALE: Final = re.compile(r"(?P<path>.+):(?P<scale>[-+]?\d+(\.\d*)?)", re.DOTALL)


class Lora(msgspec.Struct, frozen=True, kw_only=True):
    """A voice and the file of its adapter, wherever that lies."""

    name: Label
    path: Path
    """Absolute."""
    scale: float = 1.0

    @property
    def adapter(self) -> Adapter:
        """The adapter as voices name it: not as a path, since the file need not lie in the adapters' directory."""
        return Adapter(path=f"lora:{self.name}", scale=self.scale)


def parse(arguments: Sequence[str]) -> tuple[Lora, ...]:
    """The values of every `--lora`. Raises InvalidInput that names the flag."""
    loras: dict[str, Lora] = {}
    for argument in arguments:
        lora = _parse(argument)
        if lora.name in loras:
            raise InvalidInput(f"the voice {lora.name!r} is named twice", FLAG)
        loras[lora.name] = lora
    return tuple(loras.values())


def _parse(argument: str) -> Lora:
    name, equals, rest = argument.partition("=")
    scaled = _SCALE.fullmatch(rest)
    path, scale = (rest, 1.0) if scaled is None else (scaled["path"], float(scaled["scale"]))
    if not equals or not path:
        raise InvalidInput(f"{_FORM}, not {argument[:64]!r}", FLAG)
    try:
        decoding.convert(name, Label)
        decoding.convert({"path": name, "scale": scale}, Adapter)
    except InvalidInput as error:
        raise InvalidInput(f"{argument[:64]!r}: {error}", FLAG) from error
    if not Path(path).is_file():
        raise InvalidInput(f"there is no file {path}; {_FORM}", FLAG)
    return Lora(name=name, path=Path(path).absolute(), scale=scale)
