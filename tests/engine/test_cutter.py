from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbre_engine.espeak.cutter import MAX_PIECE, Cutter


def cut(*texts: str) -> list[str]:
    cutter = Cutter()
    return [piece for text in texts for piece in cutter.feed(text)] + cutter.flush()


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Bonjour", ["Bonjour"]),
        ("Bonjour. Ça va ?", ["Bonjour. ", "Ça va ?"]),
        ("Bonjour à tous, c'est l'été.", ["Bonjour à tous, ", "c'est l'été."]),
        ("Ça va ? Oui !\nBien.", ["Ça va ? ", "Oui !\n", "Bien."]),
        ("« Viens ! » dit-il… Bon.", ["« Viens ! ", "» dit-il… ", "Bon."]),
        ('He said "no." Then?!  "Yes."', ['He said "no." ', "Then?! ", ' "Yes."']),
        ("M. Dupont et Mme. Martin, 3.5 km.", ["M. Dupont et Mme. Martin, ", "3.5 km."]),
        ("1,5 % et 10:30 a b", ["1,5 % et 10:30 a b"]),
        ("Un titre\n\nUn texte", ["Un titre\n\n", "Un texte"]),
        ("你好。世界！", ["你好。", "世界！"]),
        ("Wait... what", ["Wait... ", "what"]),
    ],
)
def test_where_it_is_cut(text: str, pieces: list[str]) -> None:
    assert cut(text) == pieces


def test_a_clause_is_cut_as_soon_as_it_has_ended() -> None:
    cutter = Cutter()
    assert cutter.feed("Bonjour à tous,") == []
    assert cutter.feed(" ") == ["Bonjour à tous, "]


def test_text_without_punctuation_is_bounded() -> None:
    words = "mot " * 500
    assert all(len(piece) <= MAX_PIECE and piece.endswith(" ") for piece in cut(words))
    assert [len(piece) for piece in cut("a" * 1000)] == [MAX_PIECE, MAX_PIECE, 1000 - 2 * MAX_PIECE]


SPOKEN = st.text(st.sampled_from("aàé1 .,!?…:;»«\"'()\n\tMrs。，😀\u0301"), max_size=1200)


@given(SPOKEN, st.lists(st.integers(0, 1200), max_size=20))
def test_any_cutting_gives_the_same_pieces(text: str, cuts: list[int]) -> None:
    bounds = sorted({0, len(text), *(min(at, len(text)) for at in cuts)})
    assert cut(*(text[start:end] for start, end in pairwise(bounds))) == cut(text)


@given(st.text(max_size=900))
def test_nothing_is_lost_or_said_twice(text: str) -> None:
    assert "".join(cut(text)) == text
    assert all(0 < len(piece) <= MAX_PIECE for piece in cut(text))
