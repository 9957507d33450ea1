"""`[pause:0.5s]` in a text that is to be spoken: silence of so many seconds, which is not read out. Pure."""

import re
from typing import Final

MAX_S: Final = 10.0
"""A longer pause lasts so many seconds."""
MARK: Final = re.compile(r"\[pause:([0-9]{1,2}(?:\.[0-9]{1,3})?)s\]")
"""Up to 99.999 seconds, in milliseconds; whatever looks otherwise is text."""
BEGUN: Final = re.compile(r"\[(?:p(?:a(?:u(?:s(?:e(?::(?:[0-9]{1,2}(?:\.[0-9]{0,3})?s?)?)?)?)?)?)?)?\Z")
"""The end of a text that may become a mark: 14 characters at most."""
_WITH_SPACE: Final = re.compile(rf"\s*{MARK.pattern}")


def seconds(mark: re.Match[str]) -> float:
    """How long the pause of a match of MARK lasts."""
    return min(MAX_S, float(mark[1]))


def written(milliseconds: int) -> str:
    """The mark of a pause."""
    return f"[pause:{milliseconds / 1000:g}s]"


def without(text: str) -> str:
    """What is read of a text: the marks and the white space before them are not."""
    return _WITH_SPACE.sub("", text)
