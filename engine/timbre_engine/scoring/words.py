"""How many of a text's words a recogniser did not hear. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

_WORDS: Final = re.compile(
    # Scripts that put no spaces between words: each character is one. Korean does.
    r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
    r"|[^\W_\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_INSIDE: Final = re.compile(r"(?<=\w)['’](?=\w)")
"""Written either way, and part of the word."""


def normalised(text: str) -> list[str]:
    """A text's words without case, punctuation and variants of the same letter; each Chinese or Japanese character."""
    return _WORDS.findall(_INSIDE.sub("", unicodedata.normalize("NFKC", text).casefold()))


def errors(expected: Sequence[str], heard: Sequence[str]) -> int:
    """Words substituted, left out and put in, at least: the edit distance."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(expected, 1):
        corner, row[0] = row[0], number
        for at, other in enumerate(heard, 1):
            corner, row[at] = row[at], min(corner + (word != other), row[at] + 1, row[at - 1] + 1)
    return row[-1]
