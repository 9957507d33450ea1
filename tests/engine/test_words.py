import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbre_engine.espeak.messages import Word
from timbre_engine.espeak.words import WordMarks

Piece = tuple[str, list[tuple[int, int]], int]
"""A text, its words (index, sample), and the sample after it."""


def marks(*pieces: Piece) -> list[Word]:
    words = WordMarks(1000)
    made = []
    for text, events, end in pieces:
        words.piece(text)
        made += [words.word(index, sample) for index, sample in events]
        made.append(words.piece_end(end))
    return [mark for mark in (*made, words.end(pieces[-1][2] if pieces else 0)) if mark is not None]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([("...", [], 50)], [], id="no word"),
        pytest.param([(" a b. ", [(1, 0), (3, 40)], 90)], [(" a ", 0, 40), ("b. ", 40, 90)], id="white space"),
        pytest.param([("12.5 k", [(0, 0), (1, 5), (3, 9), (5, 20)], 30)], [("12.5 ", 0, 20), ("k", 20, 30)], id="one"),
        pytest.param([("a b", [(0, 0), (1, 5), (2, 9)], 20)], [("a ", 0, 9), ("b", 9, 20)], id="on a white space"),
        pytest.param([("a b", [(0, 0), (9, 5)], 20)], [("a b", 0, 20)], id="beyond the text"),
        pytest.param([("…", [], 0), ("a", [(0, 0)], 9)], [("…a", 0, 9)], id="held for the first word"),
        pytest.param([("a", [(0, 0)], 9), ("…", [], 12), ("b", [(0, 12)], 20)], [("a", 0, 9), ("…b", 9, 20)], id="b"),
        pytest.param([("a. ", [(0, 0)], 9), (" ", [], 12)], [("a. ", 0, 9), (" ", 9, 12)], id="after the last word"),
    ],
)  # fmt: skip
def test_marks(pieces: list[Piece], expected: list[tuple[str, int, int]]) -> None:
    assert marks(*pieces) == [Word(*each) for each in expected]


def test_a_pause_has_a_mark_of_its_own() -> None:
    words = WordMarks(1000)
    words.piece("… ")
    assert words.piece_end(0) is None
    assert words.pause("[pause:1s]", 1000) == Word("… [pause:1s]", 0, 1000)
    words.piece(" a.")
    words.word(1, 1000)
    assert words.piece_end(1300) == Word(" a.", 1000, 1300)
    assert words.pause("[pause:2s]", 3300) == Word("[pause:2s]", 1300, 3300)
    assert words.end(3300) is None


@given(st.lists(st.tuples(st.text(max_size=20), st.lists(st.integers(-2, 25), max_size=6), st.integers(0, 100))))
def test_marks_are_the_text_and_contiguous(pieces: list[tuple[str, list[int], int]]) -> None:
    end, given_pieces = 0, []
    for text, indices, length in pieces:
        given_pieces.append((text, [(index, end + length // 2) for index in indices], end + length))
        end += length
    made = marks(*given_pieces)
    if made:
        assert "".join(mark.text for mark in made) == "".join(text for text, _, _ in given_pieces)
    assert [mark.start_ms for mark in made] == [0, *(mark.end_ms for mark in made)][: len(made)]
    assert all(mark.start_ms <= mark.end_ms for mark in made)
