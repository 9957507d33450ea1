"""The cost grows with the length and no faster, whatever the text."""

import sys
import time
from types import FrameType

import pytest

from timbre_bridge.text import Cleaner, clean

UNITS = [
    "*", "**", "`", "```\n", "[", "](", "[a](", "(", "<", "<a", "&", "&a", "_", "~", "|", "!", "\\", "> ", "- ",
    "1. a\n", "#", "# ", "http://", "https://a.fr/b ", "1", "1 ", "1,", "12/", "3 km ", "a.", "a-", "M", "p. ", "$",
    "=", "^", "😀", "e\u0301", "*a ", "*a* ", "*sourit* Bonjour. ", "« ", "<!--", "[x][", "![", "bonjour à tous ",
    "\n", " ",
]  # fmt: skip


def steps(text: str) -> int:
    """How many calls it takes: a measure that no other process disturbs."""
    count = 0

    def profile(_frame: FrameType | None, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        clean(text, "fr")
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("unit", UNITS)
def test_steps_are_linear(unit: str) -> None:
    short, long = (steps(unit * (size // len(unit))) for size in (2000, 8000))
    assert long <= 5 * short + 200


@pytest.mark.parametrize("unit", UNITS)
def test_a_hundred_thousand_characters(unit: str) -> None:
    """Generous: what is quadratic takes minutes."""
    begin = time.process_time()
    clean(unit * (100_000 // len(unit)), "fr")
    assert time.process_time() - begin < 60


@pytest.mark.parametrize("unit", ["*", "`", "[a](", "<a", "1", "12/", "bonjour ", "!", "~", "- "])
def test_character_by_character_is_linear(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    begin = time.process_time()
    cleaner = Cleaner("fr")
    for char in text:
        cleaner.feed(char)
    cleaner.finish()
    assert time.process_time() - begin < 30


def test_deep_nesting_is_no_recursion() -> None:
    for opening, closing in ("[", "](x)"), ("*a ", "*"), ("> ", ""), ("- ", ""), ("(", ")"), ("<b>", "</b>"):
        assert "fin" in clean(opening * 20_000 + "fin" + closing * 20_000, "fr")
