"""How a voice was trained, beside PEFT's files: what an adapter needs to be spoken as it was learnt."""

from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from timbre_common import decoding
from timbre_loras import atomic

FILE: Final = "voice.json"
"""Its name in PEFT's directory."""


class Layout(StrEnum):
    """How the text lies in the prompt."""

    STREAMING = "streaming"
    FULL = "full"


class Trained(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `train` writes and `export` reads; what is empty was not said."""

    language: str = ""
    """As the model names it, such as french."""
    speaker: str = ""
    text_layout: Layout = Layout.STREAMING


def write(directory: Path, trained: Trained) -> None:
    """Write it beside PEFT's files. Raises SetupError."""
    atomic.write(directory / FILE, msgspec.json.format(msgspec.json.encode(trained)) + b"\n")


def read(directory: Path) -> Trained:
    """What stands beside PEFT's files; nothing where another program trained it. Raises InvalidInput."""
    path = directory / FILE
    return decoding.from_json(path.read_bytes(), Trained) if path.exists() else Trained()
