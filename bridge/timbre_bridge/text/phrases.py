"""What is said otherwise than written, as a whole: a voice's lexicon first, then a language's abbreviations."""

from collections.abc import Mapping
from dataclasses import dataclass
from unicodedata import normalize


@dataclass(frozen=True, slots=True)
class Found:
    """Where the phrase ends and how it is said."""

    end: int
    spoken: str


NOTHING = Found(0, "")


class Phrases:
    """Finds the longest phrase at the start of a word; a lexicon's entry in its own case before any other case."""

    def __init__(self, abbreviations: Mapping[str, str], lexicon: Mapping[str, str]) -> None:
        entries = [(normalize("NFC", key), spoken, False) for key, spoken in lexicon.items() if key]
        entries += [(key.casefold(), spoken, True) for key, spoken, _ in entries]
        own = {key for key, _, _ in entries}
        entries += [(key, spoken, False) for key, spoken in abbreviations.items() if key not in own]
        self._by_first: dict[str, list[tuple[str, str, bool]]] = {}
        for entry in entries:
            self._by_first.setdefault(entry[0][0].casefold()[:1], []).append(entry)
        for candidates in self._by_first.values():
            candidates.sort(key=lambda entry: (-len(entry[0]), entry[2]))
        self.silent_starts = frozenset(key[0].casefold() for key, spoken, _ in entries if not spoken.strip())
        self._words = {key: spoken for key, spoken, folded in entries if not folded}
        self._folded = {key: spoken for key, spoken, folded in entries if folded}

    def find(self, text: str, at: int, *, final: bool) -> Found | None:
        """The phrase at `at`, or NOTHING; None: later characters will tell."""
        for key, spoken, folded in self._by_first.get(text[at].casefold()[:1], ()):
            end = at + len(key)
            part = text[at:end]
            if (part.casefold() if folded else part) != key[: len(part)]:
                continue
            after = text[end : end + 1]
            open_end = key[-1].isalnum()
            if not final and (len(part) < len(key) or (open_end and not after)):
                return None
            if len(part) == len(key) and not (open_end and after.isalnum()):
                return Found(end, spoken)
        return NOTHING

    def word(self, word: str) -> str | None:
        """How one word is said that stands inside another, such as API in l'API."""
        return self._words.get(word, self._folded.get(word.casefold()))
