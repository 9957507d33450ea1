"""A character as data, one folder each: who it is, what is recorded for it, and how its adapter is trained."""

import re
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec

from timbre_common import decoding
from timbre_common.errors import InvalidInput, SetupError
from timbre_common.hlink import EMOTIONS
from timbre_common.voiceprofile import Label, Tag

CHARACTER: Final = "character.yaml"
SCRIPT: Final = "script.yaml"
TRAINING: Final = "training.yaml"
PROFILE: Final = "voiceprofile.yaml"
BREATH: Final = "|"
"""Stands in a line's text where a breath shall be heard."""

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
_T = TypeVar("_T")


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Unknown fields are refused."""


class Character(_Part, frozen=True):
    """Who speaks. Everything but the names is prose for people."""

    agent: Label
    name: _Text
    who: _Text
    impression: _Text
    register: _Text
    pace: _Text
    humour: _Text
    languages: Annotated[list[Tag], msgspec.Meta(min_length=1)]
    adapter: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    """The adapter's name; its file is called so."""
    emotions: dict[str, _Text]
    """How each emotion is spoken: an actor's direction."""


class Pace(StrEnum):
    """How fast a line is spoken, for this character."""

    SLOW = "slow"
    EVEN = "even"
    FAST = "fast"


class Breath(StrEnum):
    """Where a line is breathed: as it comes, audibly at each `|`, or not at all."""

    FREE = "free"
    MARKED = "marked"
    HELD = "held"


class Line(_Part, frozen=True):
    """One line to record."""

    id: Label
    """Names its recording."""
    text: _Text
    emotion: str
    pace: Pace
    breath: Breath

    @property
    def transcript(self) -> str:
        """What is said: the text without marks of breath."""
        return re.sub(rf"\s*\{BREATH}\s*", " ", self.text).strip()


class Script(_Part, frozen=True):
    """All lines, in the order in which they are recorded."""

    lines: Annotated[list[Line], msgspec.Meta(min_length=1, max_length=10_000)]


class Training(_Part, frozen=True):
    """What `timbre-loras train` and `export` are given."""

    base: _Text
    """The checkpoint that the adapter is made for, by its name on the Hub."""
    language: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+$")]
    """As the model names it: french."""
    text_layout: Annotated[str, msgspec.Meta(pattern=r"^(streaming|full)$")]
    rank: Annotated[int, msgspec.Meta(ge=1, le=64)]
    targets: Annotated[list[Annotated[str, msgspec.Meta(pattern=r"^[a-z]+_proj$")]], msgspec.Meta(min_length=1)]
    options: dict[Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z-]*$")], int | float | str] = {}
    """Further options of `train`, by name without dashes."""
    licence: str = ""
    """Under which the voice may be used, as an SPDX expression."""


def read_character(folder: Path) -> Character:
    """Who it is. Raises SetupError where the file is missing, InvalidInput that names file and field."""
    path = folder / CHARACTER
    character = _read(path, Character)
    unknown = sorted(character.emotions.keys() ^ set(EMOTIONS))
    if unknown:
        raise InvalidInput(
            f"each of {', '.join(EMOTIONS)} is right; missing or unknown: {unknown}", f"{path}: emotions"
        )
    return character


def read_script(folder: Path) -> Script:
    """What is recorded for it. Raises as read_character does."""
    path = folder / SCRIPT
    script = _read(path, Script)
    twice = [name for name, count in Counter(line.id for line in script.lines).items() if count > 1]
    if twice:
        raise InvalidInput(f"one line for each id is right; several have {', '.join(twice)}", f"{path}: lines")
    for line in script.lines:
        if line.emotion not in EMOTIONS:
            raise InvalidInput(f"one of {', '.join(EMOTIONS)} is right, not {line.emotion!r}", f"{path}: {line.id}")
        if (BREATH in line.text) != (line.breath is Breath.MARKED):
            raise InvalidInput(f"`{BREATH}` and breath: marked belong together", f"{path}: {line.id}")
    return script


def read_training(folder: Path) -> Training:
    """How it is trained. Raises as read_character does."""
    return _read(folder / TRAINING, Training)


def _read(path: Path, kind: type[_T]) -> _T:
    try:
        return decoding.from_yaml(path.read_text(encoding="utf-8"), kind)
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read: {error}") from error
    except InvalidInput as error:
        raise InvalidInput(str(error), str(path)) from error
