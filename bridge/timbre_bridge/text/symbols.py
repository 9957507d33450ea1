"""Symbols and punctuation: what each one does to the speech around it. Pure; None while it is not certain yet."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from timbre_bridge.text.language import Language
from timbre_bridge.text.marks import EMOJI, PAUSE

_NO_LETTERS = (
    r"\s0-9!-/:-@\[-`{-~\x00-\x1f\x7f-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf×÷\u2000-\u200b\u200d-\u2070\u2074-\u208e\u20a0-\u20c0"
    r"\u2190-\u2bff\u3000-\u3004\u3008-\u3030\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\ue000-\uf8ff\U000f0000-\U0010ffff"
)

LETTER = rf"[^{_NO_LETTERS}]"
"""A pattern for any character of a word, of any script: all that is no space, digit, punctuation or symbol."""

EMOTICON = re.compile(r"(?:[:;=]['’]?[-o^]?[)(\]\[DPpOo3/|]{1,3}|<3+|\^_?\^|-_-|[xX]D+)(?![^\s.,!?])")
_EMOTICON_LIMIT = 6

_LETTER = re.compile(LETTER)
_DASHES = re.compile(r"[-–—]{1,4}>?|=>")
_DIGITS = frozenset("0123456789")
_OPENERS = "([{«“„‹"
_CLOSERS = ")]}»”›"
_KEPT_BRACKETS = "()«»“”„‹›"
_STOPS = ",;:!?…、。！，？；："
_PAUSES = "•·●▪◦‣" + PAUSE
_UNQUESTIONED = frozenset(",!?…、。！，？；：;" + _OPENERS + _CLOSERS + _PAUSES)
"""Characters that mean the same whatever comes after them."""


def is_letter(char: str) -> bool:
    """Whether a word can be made of it; not so for the empty text."""
    return bool(_LETTER.match(char))


class Act(Enum):
    """What a symbol does."""

    NOTHING = auto()
    STOP = auto()
    OPENER = auto()
    CLOSER = auto()
    PAUSE = auto()
    ATTACHED = auto()
    """Stands between the parts of one word."""
    NAME = auto()
    """Is said by its name; without one it only keeps words apart."""
    NUMBER = auto()
    """Begins a number, as a currency's sign does."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a symbol does, with which text, and how many characters it takes."""

    act: Act
    text: str = ""
    length: int = 1


@dataclass(frozen=True, slots=True)
class Around:
    """A symbol's place: the text, where in it, the character before, whether a number was said last, if all is here."""

    text: str
    at: int
    before: str
    after_number: bool
    final: bool

    @property
    def spaced_before(self) -> bool:
        """Whether no word ends right before."""
        return not self.before.isalnum()


def read(around: Around, language: Language) -> Symbol | None:
    """What the symbol does."""
    char = around.text[around.at]
    after = around.text[around.at + 1 : around.at + 2]
    if not after and not around.final and char not in _UNQUESTIONED:
        return None
    emoticon = _emoticon(around, char)
    if emoticon is None:
        return None
    if emoticon:
        return Symbol(Act.NOTHING, length=emoticon)
    return _punctuation(char) or _mark(char, after, around, language)


def _punctuation(char: str) -> Symbol | None:
    if char in _STOPS:
        return Symbol(Act.STOP, char)
    if char in _PAUSES:
        return Symbol(Act.PAUSE)
    if char in _OPENERS or char in _CLOSERS:
        kept = Act.OPENER if char in _OPENERS else Act.CLOSER
        return Symbol(kept if char in _KEPT_BRACKETS else Act.NAME, char if char in _KEPT_BRACKETS else "")
    return None


def _mark(char: str, after: str, around: Around, language: Language) -> Symbol | None:
    if char in "-–—" or (char == "=" and after == ">"):
        return _dash(around, language)
    if char in "'’":
        inside = around.before.isalnum() and is_letter(after)
        between = not inside and not around.spaced_before and after.isalnum()
        return Symbol(Act.ATTACHED, char) if inside else Symbol(Act.NAME if between else Act.NOTHING)
    if char == '"' or (char == "=" and around.before == "="):
        return Symbol(Act.NOTHING)
    return _sign(char, after, around, language) if language.full else _foreign(char)


def _foreign(char: str) -> Symbol:
    """A symbol in a language without tables: the engine may know what to make of it."""
    return Symbol(Act.ATTACHED, char) if char in "%&+=€$£°" else Symbol(Act.NAME)


def _emoticon(around: Around, char: str) -> int | None:
    """How long the emoticon here is, 0 if there is none; None: not certain yet."""
    if char not in ":;=<^-" or not (around.before.isspace() or around.before in EMOJI + ".,!?"):
        return 0
    part = around.text[around.at : around.at + _EMOTICON_LIMIT]
    if len(part) < _EMOTICON_LIMIT and not around.final and not re.search(r"[\s.,!?]", part):
        return None
    match = EMOTICON.match(part)
    return match.end() if match else 0


def _dash(around: Around, language: Language) -> Symbol | None:
    match = _DASHES.match(around.text, around.at)
    run = match[0] if match else around.text[around.at]
    end = around.at + len(run)
    after, following = around.text[end : end + 1], around.text[end + 1 : end + 2]
    if not around.final and (not after or (around.after_number and after.isspace() and not following)):
        return None
    if run[-1] == ">":
        return Symbol(Act.NAME, language.symbols.get("→", ""), len(run))
    if run == "-" and not around.spaced_before and is_letter(after) and around.before not in _DIGITS:
        return Symbol(Act.ATTACHED, "-")
    if run == "-" and around.spaced_before and after in _DIGITS:
        return Symbol(Act.NAME, language.minus)
    if around.after_number and not around.spaced_before and after in _DIGITS:
        return Symbol(Act.NAME, language.to, len(run))
    if around.after_number and after.isspace() and following in _DIGITS:
        return Symbol(Act.NAME, language.minus if run == "-" else language.to, len(run))
    spaced = after.isspace() and around.before.isspace()
    return Symbol(Act.PAUSE if spaced or run not in ("-", "–") else Act.NAME, length=len(run))


def _sign(char: str, after: str, around: Around, language: Language) -> Symbol | None:
    following = after
    if char in "*×<>" and after.isspace():
        following = around.text[around.at + 2 : around.at + 3]
        if not following and not around.final:
            return None
    digit = following in _DIGITS
    if char in "$€£¥" and after in _DIGITS:
        return Symbol(Act.NUMBER)
    spaced = around.before.isspace() and after.isspace()
    said = {
        "*": around.after_number and (digit or following == "("),
        "×": around.after_number and (digit or following == "("),
        "<": around.after_number or digit or spaced,
        ">": around.after_number or digit or spaced,
        "~": digit,
        "#": digit,
        "@": not around.spaced_before,
        "/": around.after_number and not after.isspace(),
    }
    names = {
        "*": language.times,
        "×": language.times,
        "~": language.about,
        "≈": language.about,
        "#": language.number,
        "/": language.over if digit else language.per,
    }
    return Symbol(Act.NAME, names.get(char, language.symbols.get(char, "")) if said.get(char, True) else "")
