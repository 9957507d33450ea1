"""Pauses by their mark-up: what is one, how long it lasts, and what is read beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbre_common import pauses


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("[pause:0.5s]", 0.5),
        ("[pause:0s]", 0.0),
        ("[pause:07.125s]", 7.125),
        ("[pause:10s]", 10.0),
        ("[pause:99.999s]", 10.0),
        ("[pause:100s]", None),
        ("[pause:.5s]", None),
        ("[pause:0.1234s]", None),
        ("[pause:0,5s]", None),
        ("[pause:-1s]", None),
        ("[pause:1]", None),
        ("[pause: 1s]", None),
        ("[Pause:1s]", None),
        ("[pause:\u0661s]", None),
    ],
)
def test_what_is_a_pause(text: str, seconds: float | None) -> None:
    match = pauses.MARK.fullmatch(text)
    assert (None if match is None else pauses.seconds(match)) == seconds


@given(st.integers(0, 10_000))
def test_a_mark_says_how_long_it_lasts_and_is_foreseen_from_its_first_character(milliseconds: int) -> None:
    mark = pauses.written(milliseconds)
    match = pauses.MARK.fullmatch(mark)
    assert match is not None and pauses.seconds(match) * 1000 == pytest.approx(milliseconds)
    for end in range(1, len(mark)):
        assert pauses.BEGUN.search(f"x {mark[:end]}")
    assert not pauses.BEGUN.search(mark)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Un. [pause:1s] Deux.", "Un. Deux."),
        (" [pause:1s]", ""),
        ("[pause:1s][pause:2s]", ""),
        ("Un [pause:1m]", "Un [pause:1m]"),
    ],
)
def test_what_is_read(text: str, read: str) -> None:
    assert pauses.without(text) == read
