"""Text as it comes, cut where no token and no composed character can span the cut. Pure."""

import re
from typing import Final

_BOUNDARY: Final = re.compile(r"(?<=\S)(?= )")
"""Before a space that follows something else: Qwen2's pre-tokenizer always cuts there, and nothing composes over it."""


class WordFeed:
    """Words with the white space before them, whole ones only; any cutting of the text gives the same words."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """The words that are whole by now."""
        *words, self._rest = _BOUNDARY.split(self._rest + text)
        return words

    def flush(self) -> list[str]:
        """What there is, taken as whole."""
        rest, self._rest = self._rest, ""
        return [rest] if rest else []
