"""The five stages in a row."""

from collections.abc import Mapping
from functools import lru_cache

from timbre_bridge.text import languages
from timbre_bridge.text.characters import Characters
from timbre_bridge.text.directions import Directions
from timbre_bridge.text.language import Language
from timbre_bridge.text.markup import Markup
from timbre_bridge.text.phrases import Phrases
from timbre_bridge.text.speech import Speech
from timbre_bridge.text.window import Window


class Cleaner:
    """Turns one utterance's text, in pieces as they come, into what is to be spoken.

    The texts returned, joined, are the spoken text; it is the same however the text was cut, and may
    end with white space. Nothing speakable: "". Pauses are in it by their marks.
    """

    def __init__(self, language: str, lexicon: Mapping[str, str] | None = None) -> None:
        """language: a BCP 47 tag. lexicon: word -> how it is said; it comes before every other rule."""
        tables = languages.find(language)
        self._characters = Characters()
        self._markup = Markup()
        self._directions = Directions(language)
        phrases = Phrases(tables.phrases, lexicon) if lexicon else _own_phrases(tables.code)
        self._speech = Speech(tables, phrases, _window(tables.code))

    def feed(self, piece: str) -> str:
        """The spoken text that is certain now, to be sent on as it is; often a word, sometimes ""."""
        text = self._characters.feed(piece)
        return self._speech.feed(self._directions.feed(self._markup.feed(text)))

    def finish(self) -> str:
        """The rest of the spoken text. Nothing may be fed after it."""
        text = self._markup.feed(self._characters.finish()) + self._markup.finish()
        text = self._directions.feed(text) + self._directions.finish()
        return self._speech.feed(text) + self._speech.finish()


def clean(text: str, language: str, lexicon: Mapping[str, str] | None = None) -> str:
    """The spoken form of a whole text."""
    cleaner = Cleaner(language, lexicon)
    return cleaner.feed(text) + cleaner.finish()


@lru_cache(maxsize=64)
def _own_phrases(code: str) -> Phrases:
    return Phrases(_tables(code).phrases, {})


@lru_cache(maxsize=64)
def _window(code: str) -> Window:
    return Window(_tables(code).vocabulary)


def _tables(code: str) -> Language:
    return languages.find(code)
