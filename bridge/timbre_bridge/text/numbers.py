"""Numbers as words, by num2words; cached, because one French number costs it about 0.1 ms."""

from functools import lru_cache

from num2words import CONVERTER_CLASSES, num2words

_SPELLED_FROM = 16
"""Digits. A number this long is an identifier: it is read digit by digit."""


def known(code: str) -> str | None:
    """The name under which num2words knows a language, or None."""
    base, _, region = code.replace("_", "-").partition("-")
    exact = f"{base.lower()}_{region.upper()}"
    if exact in CONVERTER_CLASSES:
        return exact
    return base.lower() if base.lower() in CONVERTER_CLASSES else None


@lru_cache(maxsize=4096)
def words(value: int, language: str, kind: str = "cardinal") -> str:
    """An integer as words; kind: cardinal, ordinal or year."""
    try:
        result = str(num2words(value, lang=language, to=kind))
    except (NotImplementedError, OverflowError, ValueError, KeyError, IndexError, TypeError):
        return str(value)
    return result.replace(", ", " ")


def cardinal(digits: str, language: str) -> str:
    """A row of digits as words; one with leading zeros, or too long for a quantity, digit by digit."""
    if len(digits) >= _SPELLED_FROM or (len(digits) > 1 and digits[0] == "0"):
        return one_by_one(digits, language)
    return words(int(digits), language)


def one_by_one(digits: str, language: str) -> str:
    """Every digit by itself."""
    return " ".join(words(int(digit), language) for digit in digits)


def in_pairs(digits: str, language: str) -> str:
    """Two digits at a time, as French telephone numbers are said."""
    pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
    return ", ".join(cardinal(pair, language) for pair in pairs)


_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def from_roman(numeral: str) -> int | None:
    """The value of a Roman numeral up to a hundred or so; None: it is none."""
    values = [_ROMAN.get(char, 0) for char in numeral]
    if not values or 0 in values:
        return None
    total = sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
    return total if total > 0 and _to_roman(total) == numeral else None


def _to_roman(value: int) -> str:
    steps = ((100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
    result = ""
    for amount, numeral in steps:
        result += numeral * (value // amount)
        value %= amount
    return result
