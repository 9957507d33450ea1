"""Every rule as a row: what is written, in which language, what is spoken."""

import pytest

from text import rows_markup, rows_speech
from timbre_bridge.text import Cleaner, clean


@pytest.mark.parametrize(("text", "language", "spoken"), rows_markup.ROWS)
def test_markup(text: str, language: str, spoken: str) -> None:
    assert clean(text, language) == spoken


@pytest.mark.parametrize(("text", "language", "spoken"), rows_speech.ROWS)
def test_speech(text: str, language: str, spoken: str) -> None:
    assert clean(text, language) == spoken


@pytest.mark.parametrize(("text", "language", "spoken"), rows_markup.ROWS + rows_speech.ROWS)
def test_character_by_character(text: str, language: str, spoken: str) -> None:
    cleaner = Cleaner(language)
    assert "".join(map(cleaner.feed, text)) + cleaner.finish() == spoken


@pytest.mark.parametrize(
    ("text", "lexicon", "spoken"),
    [
        ("Renarde arrive", {"Renarde": "Reunarde"}, "Reunarde arrive"),
        ("renarde arrive", {"Renarde": "Reunarde"}, "Reunarde arrive"),
        ("SNCF et sncf", {"SNCF": "la compagnie", "sncf": "le train"}, "la compagnie et le train"),
        ("Renardeau", {"Renarde": "Reunarde"}, "Renardeau"),
        ("l'API", {"API": "appi"}, "l'appi"),
        ("à New York, oui", {"New York": "Nou York"}, "à Nou York, oui"),
        ("M. Dupont", {"M.": "Maître"}, "Maître Dupont"),
        ("du C++ ici", {"C++": "cé plus"}, "du cé plus ici"),
        ("*Lisa* parle", {"Lisa": "Liza"}, "Liza parle"),
        ("5 km", {"5 km": "cinq bornes"}, "cinq bornes"),
        ("chut ici", {"chut": ""}, "ici"),
    ],
)
def test_lexicon_comes_first(text: str, lexicon: dict[str, str], spoken: str) -> None:
    assert clean(text, "fr", lexicon) == spoken
    cleaner = Cleaner("fr", lexicon)
    assert "".join(map(cleaner.feed, text)) + cleaner.finish() == spoken
