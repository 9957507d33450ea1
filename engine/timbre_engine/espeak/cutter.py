"""Text, as it comes, into pieces to speak: cut where a clause ends."""

import re
from typing import Final

MAX_PIECE: Final = 400
"""Most characters of a piece; text without punctuation is cut at the last white space before it."""

_CLAUSE_END = re.compile(
    r"""(?<![\s(])(?:[!?…;:,]+|\.+)[.!?…]*["'»”’)\]]*\s  # punctuation, what closes around it, white space
      | \s[!?;:][.!?…]*["'»”’)\]]*\s                     # French spaces before the punctuation
      | [。！？；：，、]                                   # CJK punctuation needs no white space
      | \n\s*?\n                                           # a paragraph
    """,
    re.VERBOSE,
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s('\"«])(?:[^\W\d_]|mme|mlle|mgr|me|dr|pr|mr|mrs|ms|st|ste|cf|vs|ex|env|no|vol|fig|p|e\.g|i\.e)\.\s$",
    re.IGNORECASE,
)


class Cutter:
    """Cuts text into pieces whose concatenation is the text, the same ones however the text arrives.

    A clause is cut rather than a sentence: espeak-ng makes the same samples either way, and the first comes sooner.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """The pieces that are complete now."""
        self._rest += text
        pieces = []
        while (end := _end_of_piece(self._rest)) is not None:
            pieces.append(self._rest[:end])
            self._rest = self._rest[end:]
        return pieces

    def flush(self) -> list[str]:
        """What is left, as one piece; nothing where nothing is left."""
        rest, self._rest = self._rest, ""
        return [rest] if rest else []


def _end_of_piece(text: str) -> int | None:
    """Where the first piece of `text` ends, or None while it depends on what follows."""
    for match in _CLAUSE_END.finditer(text, 0, MAX_PIECE):
        if not _ABBREVIATION.search(text, max(0, match.end() - 8), match.end()):
            return match.end()
    if len(text) <= MAX_PIECE:
        return None
    return max((match.end() for match in re.finditer(r"\s", text[:MAX_PIECE])), default=MAX_PIECE)
