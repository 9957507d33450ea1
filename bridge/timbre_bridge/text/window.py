"""How far what belongs to a number may reach: the least text after which its reading is certain."""

import re

_LIMIT = 64
"""Characters. A longer row of numbers is read in parts."""

_SPACES = " \u00a0\u202f"
_JOINS = _SPACES + ".,:/–-T"
_DIGITS = re.compile(r"[$€£¥]?\d+(?:[ \u00a0\u202f.,:/–\-T]\d+)*")
_RUN = re.compile(r"[ap]\.m\.?|[^\W\d_%‰°€$£¥²³]*[%‰°€$£¥²³Ω]?[^\W\d_]*[²³23]?(?:/[^\W\d_]+[²³]?)?", re.IGNORECASE)
_CONTINUED = frozenset({"h", "x", "min"})
"""What may stand between two numbers: "14 h 30", "1920x1080"."""

_LONGEST = 24


class Window:
    """Finds the end of a number and of what may belong to it, from the vocabulary of one language."""

    def __init__(self, vocabulary: frozenset[str]) -> None:
        self._vocabulary = vocabulary
        self._prefixes = {word[:end] for word in vocabulary for end in range(len(word) + 1)}

    def end(self, text: str, at: int, *, final: bool) -> int | None:
        """Where what belongs to the number at `at` ends; None: later characters may still belong to it."""
        limit, end = at + _LIMIT, at
        while True:
            match = _DIGITS.match(text, end, min(len(text), limit))
            end = match.end() if match else end
            if end >= limit:
                return end
            rest = text[end : end + 2]
            if not final and (not rest or (len(rest) == 1 and rest in _JOINS)):
                return None
            begin = end + (rest[:1] in _SPACES and bool(rest))
            tail = text[begin : begin + _LONGEST]
            if not final and begin + len(tail) == len(text) and tail in self._prefixes:
                return None
            word = self._word(text, begin)
            if not word:
                return end
            end = begin + len(word)
            if word not in _CONTINUED:
                return end
            rest = text[end : end + 2]
            if not final and len(rest) < 2 and (not rest or rest in _SPACES):
                return None
            if rest[:1] and rest[0] in _SPACES and rest[1:].isdigit():
                end += 1
            elif not rest[:1].isdigit():
                return end

    def _word(self, text: str, at: int) -> str:
        match = _RUN.match(text, at, at + _LONGEST)
        run = match[0] if match else ""
        for candidate in (run, run.partition("/")[0], run.partition("/")[0].rstrip("23")):
            if candidate in self._vocabulary and text[at + len(candidate) : at + len(candidate) + 1] not in ("'", "’"):
                return candidate
        return ""
