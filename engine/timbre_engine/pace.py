"""How slowly a real model would speak: parsed from one line, and when each piece of audio is due."""

import re
from dataclasses import dataclass
from typing import Final

from timbre_common.errors import InvalidInput

FRAME_S: Final = 0.08
"""Seconds of audio that leave at once: a model's frame."""

_DURATION: Final = re.compile(r"^(\d+(?:\.\d+)?)(ms|s)$")
_EXAMPLE: Final = "rtf=0.9,first=250ms,stall=400ms@3s"


@dataclass(frozen=True, slots=True)
class Pace:
    """rtf: seconds that a second of audio takes. first_s: seconds from the first text to the first audio.

    stall_s: seconds of one pause, before the audio at stall_at_s.
    """

    rtf: float = 0.0
    first_s: float = 0.0
    stall_s: float = 0.0
    stall_at_s: float = 0.0


@dataclass(slots=True)
class Schedule:
    """When the frames of one utterance are due, in seconds of the clock that its arguments come from.

    A maker that lacked text does not catch up: the next frame takes its time from when there was something to make.
    """

    pace: Pace
    text_at: float
    """When the utterance got its first text."""
    _made_at: float | None = None
    _stalled: bool = False

    def due(self, position_s: float, duration_s: float, available_at: float) -> float:
        """When the frame at `position_s` of the utterance may leave, no earlier than the frames before it.

        `available_at` is when its audio could have been begun at the earliest.
        """
        if self._made_at is None:
            due = max(self.text_at + self.pace.first_s, available_at)
        else:
            due = max(self._made_at, available_at) + self.pace.rtf * duration_s
        if self.pace.stall_s and not self._stalled and position_s + duration_s > self.pace.stall_at_s:
            self._stalled = True
            due += self.pace.stall_s
        self._made_at = due
        return due


def parse(line: str) -> Pace:
    """The pace in a line such as `rtf=0.9,first=250ms,stall=400ms@3s`; each part may be missing.

    Raises InvalidInput that names the part.
    """
    values: dict[str, float] = {}
    for part in line.split(","):
        key, _, value = part.strip().partition("=")
        if key in values:
            raise InvalidInput("given twice", f"pace.{key}")
        match key:
            case "rtf":
                values["rtf"] = _number(value)
            case "first":
                values["first"] = _seconds(value, "first")
            case "stall":
                length, _, at = value.partition("@")
                values["stall"] = _seconds(length, "stall")
                values["at"] = _seconds(at, "stall")
            case _:
                raise InvalidInput(f"{key[:32]!r} is none of rtf, first, stall; such as {_EXAMPLE}", "pace")
    return Pace(values.get("rtf", 0.0), values.get("first", 0.0), values.get("stall", 0.0), values.get("at", 0.0))


def _number(value: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", value) or float(value) > 100:
        raise InvalidInput(f"a number from 0 to 100 is right, such as 0.9, not {value[:32]!r}", "pace.rtf")
    return float(value)


def _seconds(value: str, field: str) -> float:
    match = _DURATION.match(value)
    example = "400ms@3s" if field == "stall" else "250ms"
    if match is None:
        raise InvalidInput(f"a duration in ms or s is right, such as {example}, not {value[:32]!r}", f"pace.{field}")
    return float(match[1]) / (1000 if match[2] == "ms" else 1)
