"""Blends of voices, such as `lisa(0.7)+renarde(0.3)`: names of voices and how much of each. Pure."""

import re
from typing import Final, NamedTuple

from timbre_common.errors import InvalidInput

MOST: Final = 4
"""Voices of a blend."""
MOST_WEIGHT: Final = 4.0
"""Weights are above 0 and at most this; they need not add up to 1."""

_SHARE: Final = r"[a-z0-9][-a-z0-9_]{0,62}\([0-9]{1,2}(\.[0-9]{1,6})?\)"
PATTERN: Final = rf"^{_SHARE}(\+{_SHARE}){{0,{MOST - 1}}}$"


class Share(NamedTuple):
    """A voice of a blend."""

    name: str
    weight: float


def is_blend(text: str) -> bool:
    """Whether this is meant as a blend: no voice's name has these characters."""
    return "(" in text or "+" in text


def parse(text: str, field: str) -> tuple[Share, ...]:
    """The voices of a blend and their weights, in its order. Raises InvalidInput that names `field`."""
    if re.fullmatch(PATTERN, text) is None:
        raise InvalidInput(f"1 to {MOST} voices and their weights are right, such as lisa(0.7)+renarde(0.3)", field)
    shares = tuple(_share(part) for part in text.split("+"))
    for share in shares:
        if not 0 < share.weight <= MOST_WEIGHT:
            raise InvalidInput(f"a weight above 0 and up to {MOST_WEIGHT:g} is right, not {share.weight:g}", field)
    if len({share.name for share in shares}) < len(shares):
        raise InvalidInput("each voice once is right", field)
    return shares


def _share(part: str) -> Share:
    name, _, weight = part.removesuffix(")").partition("(")
    return Share(name, float(weight))
