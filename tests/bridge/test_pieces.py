"""The order of pieces, and what a closing text adds."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbre_bridge.pieces import PieceOrder, not_brought


def test_without_an_index_the_order_of_arrival_counts() -> None:
    order = PieceOrder(wait=0.3)
    assert [order.add(None, text, 0.0) for text in "abc"] == [["a"], ["b"], ["c"]]


def test_a_gap_is_waited_for_and_then_given_up() -> None:
    order = PieceOrder(wait=0.3)
    assert order.add(0, "a", 0.0) == ["a"]
    assert order.add(2, "c", 1.0) == []
    assert order.deadline == 1.3
    assert order.give_up(1.2) == []
    assert order.give_up(1.3) == ["c"]
    assert order.add(1, "b", 1.4) == []
    assert order.add(3, "d", 1.5) == ["d"]
    assert order.deadline is None


def test_a_gap_that_closes_needs_no_wait() -> None:
    order = PieceOrder(wait=0.3)
    order.add(1, "b", 0.0)
    assert order.add(0, "a", 0.1) == ["a", "b"]
    assert order.deadline is None


def test_it_is_complete_when_the_last_is_reached() -> None:
    order = PieceOrder(wait=0.3)
    order.add(1, "b", 0.0, last=True)
    assert not order.complete
    order.add(0, "a", 0.0)
    assert order.complete


def test_early_pieces_are_bounded() -> None:
    order = PieceOrder(wait=1e9)
    said = [text for index in range(1, 400) for text in order.add(index, str(index), 0.0)]
    assert said == [str(index) for index in range(1, 400)]


@given(st.permutations(range(12)))
def test_any_order_of_arrival_gives_the_order_of_the_index(arrival: list[int]) -> None:
    order = PieceOrder(wait=1.0)
    said = [text for index in arrival for text in order.add(index, str(index), 0.0)]
    assert said == [str(index) for index in range(12)]


@pytest.mark.parametrize(
    ("whole", "brought", "missing"),
    [
        ("Bonjour à tous.", ["Bonjour ", "à tous."], ""),
        ("Bonjour à tous.", ["Bonjour "], "à tous."),
        ("Bonjour à tous.", [], "Bonjour à tous."),
        ("Un. Deux. Trois.", ["Un.", " Trois."], "Deux."),
        ("Un. Deux. Trois.", ["Un. ", "\n", "Deux. "], "Trois."),
        ("Autre chose.", ["Bonjour."], "Autre chose."),
    ],
)
def test_what_no_piece_has_brought(whole: str, brought: list[str], missing: str) -> None:
    assert not_brought(whole, brought) == missing


@given(st.text(alphabet="ab. ", max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_a_whole_cut_into_pieces_lacks_nothing(whole: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(edges)]
    assert not_brought(whole, pieces) == ""
