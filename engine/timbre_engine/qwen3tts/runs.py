"""Long text in runs: what the talker speaks from one prompt, cut at sentences, with pauses between them. Pure."""

import re
from dataclasses import dataclass, replace
from typing import Final

from timbre_engine.pauses import Pause, PauseFeed
from timbre_engine.qwen3tts.words import WordFeed

SENTENCE_CHARS: Final = 240
"""From so many characters on, the end of a sentence ends the run: about 17 s of speech."""
CLAUSE_CHARS: Final = 330
"""… the end of a clause does."""
WORD_CHARS: Final = 380
"""… the next word does: about 25 s of speech."""
ROOMY: Final = 512
"""Positions that hold the longest run, spoken slowly; with fewer, runs are shorter in proportion."""

_WIDE: Final = 0x2E80
"""From this code point on (Chinese, Japanese, Korean) a character is about as much speech as three others."""
_WIDE_WEIGHT: Final = 3
_LONGEST_WORD: Final = 40
_PART: Final = rf".{{1,{_LONGEST_WORD}}}"
_BEHIND_MARK: Final = r"[。！？，、；：]+(?!(?<=，)[请并则在默]|(?<=。)www)"
"""… unless Qwen's vocabulary has a token of the mark and what follows."""
_BEFORE_SIGN: Final = r"(?:(?<=[^\W_])(?=[!-/:-@\[-`{-~])|(?=\d)|\Z)"
_PARTS: Final = re.compile(rf"(?s){_PART}?{_BEHIND_MARK}|{_PART}{_BEFORE_SIGN}|{_PART}")
"""Scripts without spaces, and what no one could say in one breath: cut behind a mark; else before a sign or a digit,
where Qwen2's pre-tokenizer cuts as well; else at so many characters."""

_SENTENCE_END: Final = re.compile(r"[.!?…。！？][\"'»”’)\]]*$|\n\s*$")
_CLAUSE_END: Final = re.compile(r"[,;:，；：、][\"'»”’)\]]*$")


@dataclass(frozen=True, slots=True)
class Word:
    """The next word, with the white space before it."""

    text: str


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The run is complete."""


Piece = Word | RunEnd | Pause


class RunFeed:
    """Any cutting of the text gives the same pieces.

    A run holds at least one letter or digit: what has none goes to the run after it, or is `leftover` at the end, as
    white space behind the last word is.
    """

    def __init__(self, positions: int = ROOMY) -> None:
        """`positions`: of the talker's context, that a run may take."""
        self._scale = min(1.0, positions / ROOMY)
        self._words = WordFeed()
        self._pauses = PauseFeed()
        self._waiting = ""
        """Words without anything to say, kept for the run to come."""
        self._length = 0
        """Characters of the open run, wide ones weighted; 0: none is open."""

    @property
    def leftover(self) -> str:
        """Text that no run has taken."""
        return self._waiting

    def feed(self, text: str) -> list[Piece]:
        """The pieces that are complete by now."""
        pieces: list[Piece] = []
        for part in self._pauses.feed(text):
            if isinstance(part, str):
                pieces += self._take(self._words.feed(part))
                continue
            pieces += self._take(self._words.flush()) + self._close()
            pieces.append(replace(part, text=self._waiting + part.text))
            self._waiting = ""
        return pieces

    def flush(self) -> list[Piece]:
        """What there is, taken as complete; the run stays open."""
        return self._take(self._words.feed(self._pauses.flush()) + self._words.flush())

    def end(self) -> list[Piece]:
        """What there is, and the run's end."""
        return self.flush() + self._close()

    def _take(self, words: list[str]) -> list[Piece]:
        pieces: list[Piece] = []
        for word in (part for long in words for part in _parts(long)):
            if word.isspace() or (not self._length and not any(map(str.isalnum, word))):
                self._waiting += word
                continue
            pieces.append(Word(self._waiting + word))
            self._waiting = ""
            self._length += sum(_WIDE_WEIGHT if ord(letter) >= _WIDE else 1 for letter in word)
            if self._full(word):
                pieces += self._close()
        return pieces

    def _full(self, word: str) -> bool:
        length = self._length / self._scale
        return (
            length >= WORD_CHARS
            or (length >= CLAUSE_CHARS and _CLAUSE_END.search(word) is not None)
            or (length >= SENTENCE_CHARS and _SENTENCE_END.search(word) is not None)
        )

    def _close(self) -> list[Piece]:
        if not self._length:
            return []
        self._length = 0
        return [RunEnd()]


def _parts(word: str) -> list[str]:
    return [word] if len(word) <= _LONGEST_WORD else _PARTS.findall(word)
