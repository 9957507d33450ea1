"""What a language gives to the reading of words, numbers and symbols: tables and a few functions, no state."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]]
"""A pattern for the start of what stands at a number, and its reading (None: this rule does not apply after all)."""


def listed(words: str) -> tuple[str, ...]:
    """The words of a text, one by one: how the tables are written."""
    return tuple(words.split())


def _nothing_special(_before: str, _text: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's name for one and for several, and whether it is feminine (French: "une heure")."""

    one: str
    many: str
    feminine: bool = False


@dataclass(frozen=True)
class Language:
    """How one language reads what is not written as words.

    cardinal: digits -> words. rules: tried in order on the text that begins with a number; the first that answers
    wins. vocabulary: what may belong to a number after its digits ("km", "h", "€"). phrases: abbreviations, with
    their dot. symbols: a symbol -> its name. point: how the dot inside "exemple.fr" is said. minus to to: the words for
    a sign between or before numbers. roman, after_word: the
    reading of a Roman numeral, and of a number, because of the word before it (word before, text -> words or None).
    plural_s: what an acronym's plural adds ("GPUs"). spaced_marks: whether a space stands before ! ? : and ;.
    """

    code: str
    cardinal: Callable[[str], str | None]
    rules: tuple[Rule, ...] = ()
    vocabulary: frozenset[str] = frozenset()
    phrases: Mapping[str, str] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    point: str = ""
    minus: str = ""
    times: str = ""
    about: str = ""
    number: str = ""
    per: str = ""
    over: str = ""
    to: str = ""
    plural_s: str = ""
    spaced_marks: bool = False
    roman: Callable[[str, str], str | None] = _nothing_special
    after_word: Callable[[str, str], str | None] = _nothing_special

    @property
    def full(self) -> bool:
        """Whether there are tables for it, or only what num2words knows."""
        return bool(self.symbols)
