"""Fourth stage: words, numbers and symbols as they are said.

Plain words pass as soon as the character after them is known. A number waits for what may belong to it (`window`), a
symbol for the one or two characters that tell what it is.
"""

import re
from unicodedata import normalize

from timbre_bridge.text import acronyms, symbols
from timbre_bridge.text.joiner import Joiner
from timbre_bridge.text.language import Language
from timbre_bridge.text.marks import BREAK, EMOJI, SILENCES, silence_ms
from timbre_bridge.text.phrases import NOTHING, Found, Phrases
from timbre_bridge.text.symbols import LETTER, Act, Around, Symbol, is_letter
from timbre_bridge.text.window import Window
from timbre_common import pauses

_WORD = re.compile(rf"{LETTER}(?:{LETTER}|[0-9]|['’\-](?={LETTER})){{0,199}}")
_DIGITS = frozenset("0123456789")
_WORD_LIMIT = 200
_SPLIT = re.compile(r"([-'’])")


class Speech:
    """Takes text and marks, gives what is spoken."""

    def __init__(self, language: Language, phrases: Phrases, window: Window) -> None:
        self._language = language
        self._phrases = phrases
        self._window = window
        self._joiner = Joiner(spaced_marks=language.spaced_marks)
        self._text = ""
        self._at = 0
        self._final = False
        self._before = " "  # the character before
        self._word = ""  # the word before; "0" stands for a number
        self._dotted = False  # inside a name with dots, such as exemple.fr
        self._glued = False  # right after an abbreviation that ends in no letter, such as n°
        self._soft_dot = False  # a dot here may belong to the abbreviation before

    def feed(self, piece: str) -> str:
        """The words that are certain."""
        self._text += piece
        while self._at < len(self._text) and self._step():
            pass
        self._text, self._at = self._text[self._at :], 0
        return self._joiner.drain()

    def finish(self) -> str:
        """The rest."""
        self._final = True
        return self.feed("")

    def _step(self) -> bool:
        char = self._text[self._at]
        if char.isspace() or char == EMOJI:
            self._joiner.space()
            return self._take(1)
        if char == BREAK:
            self._joiner.end()
            self._word = ""
            return self._take(1)
        if char >= SILENCES:
            return self._silence(silence_ms(char))
        if not self._before.isalnum():
            found = self._phrases.find(self._text, self._at, final=self._final)
            if found is None:
                return False
            if found is not NOTHING:
                return self._phrase(found)
        if char in _DIGITS:
            return self._number()
        if is_letter(char):
            return self._letters()
        return self._symbol(char)

    def _silence(self, milliseconds: int) -> bool:
        self._joiner.silence(pauses.written(milliseconds))
        self._word = ""
        self._take(1)
        self._before = " "
        return True

    def _phrase(self, found: Found) -> bool:
        self._joiner.word(found.spoken.strip())
        self._word = self._text[self._at : found.end]
        self._take(found.end - self._at)
        self._glued = not self._before.isalnum()
        self._soft_dot = self._word.endswith("etc")
        return True

    def _take(self, length: int) -> bool:
        self._glued = self._soft_dot = False
        self._at += length
        self._before = self._text[self._at - 1]
        return True

    def _peek(self, offset: int) -> str | None:
        """The character at an offset ("" after the end); None: it has not come yet."""
        char = self._text[self._at + offset : self._at + offset + 1]
        return char if char or self._final else None

    def _say(self, words: str, kind: str = "") -> None:
        self._joiner.word(words)
        self._word = kind or words

    def _letters(self) -> bool:
        char = self._text[self._at]
        if self._glued:
            self._joiner.space()
        if char.casefold() not in self._phrases.silent_starts and char not in "xX":
            self._joiner.lead()
        match = _WORD.match(self._text, self._at)
        end = match.end() if match else self._at + 1
        unsure = end == len(self._text) or (end + 1 == len(self._text) and self._text[end] in "'’-")
        if unsure and end - self._at < _WORD_LIMIT and not self._final:
            return False
        word = self._text[self._at : end]
        if char in "xX" and not self._before.isalnum() and symbols.EMOTICON.fullmatch(word):
            return self._take(len(word))
        dotted, self._dotted = self._dotted, False
        self._joiner.word(self._spoken(word, dotted=dotted))
        self._word = word
        return self._take(len(word))

    def _spoken(self, word: str, *, dotted: bool) -> str:
        if (
            dotted
            and len(word) <= 3
            and word.isalpha()
            and word.islower()
            and (len(word) == 2 or not set(word) & set("aeiouy"))
        ):
            return acronyms.spell(word)
        if word.islower() and word.isalpha():
            return normalize("NFC", word)
        roman = self._language.roman(self._word, word)
        if roman:
            return roman
        return "".join(part if part in "-'’" else self._part(part) for part in _SPLIT.split(normalize("NFC", word)))

    def _part(self, part: str) -> str:
        known = self._phrases.word(part)
        if known is not None:
            return known
        if not self._language.full or (part.islower() and part.isalpha()):
            return part
        if part in acronyms.READ:
            return acronyms.READ[part]
        if any("0" <= char <= "9" for char in part):
            return " ".join(filter(None, map(self._mixed, acronyms.parts(part)))) or part
        if len(part) > 1 and part.isupper():
            return acronyms.speak_capitals(part)
        if 2 < len(part) < 8 and part[-1] == "s" and part[:-1].isupper() and part[:-1].isascii():
            return acronyms.speak_capitals(part[:-1]) + self._language.plural_s
        return part

    def _mixed(self, piece: str) -> str:
        if piece[0] in _DIGITS:
            return self._language.cardinal(piece) or piece
        if piece == "v":
            return "" if self._word.lower() == "version" else "version"
        return self._part(piece)

    def _number(self) -> bool:
        """A number with what belongs to it, a currency's sign before it included."""
        if self._glued or (self._before.isalnum() and not self._dotted):
            self._joiner.space()
        self._joiner.lead()
        end = self._window.end(self._text, self._at, final=self._final)
        if end is None:
            return False
        text = self._text[self._at : end]
        if self._dotted:
            text = text[: len(text) - len(text.lstrip("0123456789"))]
        spoken, length = self._read_number(text)
        self._dotted = False
        self._say(spoken, "0")
        self._take(length)
        self._soft_dot = text[max(0, length - 2) : length].lower() == ".m"
        after = self._text[self._at : self._at + 1]
        if after and is_letter(after):
            self._joiner.space()
        return True

    def _read_number(self, text: str) -> tuple[str, int]:
        digits = re.match(r"\d+", text)
        if digits:
            special = self._language.after_word(self._word, text)
            if special:
                return special, digits.end()
        for pattern, reading in self._language.rules:
            match = pattern.match(text)
            spoken = reading(match) if match else None
            if match and spoken:
                return spoken, match.end()
        if digits is None:
            return "", 1
        return self._language.cardinal(digits[0]) or digits[0], digits.end()

    def _symbol(self, char: str) -> bool:
        if char == ".":
            return self._dot()
        around = Around(self._text, self._at, self._before, self._word == "0", self._final)
        symbol = symbols.read(around, self._language)
        if symbol is None:
            return False
        if symbol.act is Act.NUMBER:
            return self._number()
        self._act(symbol)
        return self._take(symbol.length)

    def _act(self, symbol: Symbol) -> None:
        joiner = self._joiner
        match symbol.act:
            case Act.STOP:
                joiner.stop(symbol.text)
            case Act.OPENER:
                joiner.opener(symbol.text)
            case Act.CLOSER:
                joiner.closer(symbol.text)
            case Act.PAUSE:
                joiner.pause()
            case Act.ATTACHED:
                joiner.word(symbol.text)
            case Act.NAME:
                joiner.space()
                if symbol.text:
                    self._say(symbol.text)
                    joiner.space()

    def _dot(self) -> bool:
        """A full stop, the dot of an abbreviation, or the one inside exemple.fr."""
        after = self._peek(1)
        following = self._peek(2) if self._soft_dot and after and after.isspace() else ""
        if after is None or following is None:
            return False
        if following.islower():
            self._joiner.space()
        elif self._before != "." and (after.islower() or after in _DIGITS) and self._language.full:
            self._joiner.space()
            self._say(self._language.point)
            self._joiner.space()
            self._take(1)
            self._dotted = True
            return True
        else:
            self._joiner.stop(".")
        return self._take(1)
