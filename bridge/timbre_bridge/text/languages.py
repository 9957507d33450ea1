"""Which tables a language tag stands for."""

import re
from decimal import Decimal
from functools import lru_cache, partial

from num2words import num2words

from timbre_bridge.text import english, french, numbers
from timbre_bridge.text.language import Language, Rule

_DAY_FIRST = frozenset({"GB", "AU", "NZ", "IE", "IN", "ZA"})


@lru_cache(maxsize=64)
def find(tag: str) -> Language:
    """The language of a BCP 47 tag; without tables of its own: numbers as num2words says them, if it knows how."""
    base, _, region = tag.strip().replace("_", "-").partition("-")
    if base.lower() == "fr":
        return french.LANGUAGE
    if base.lower() == "en":
        return english.language(month_first=region.upper() not in _DAY_FIRST)
    name = numbers.known(tag.strip())
    if name is None:
        return Language(code=tag, cardinal=lambda digits: digits)
    cardinal = partial(numbers.cardinal, language=name)
    return Language(code=tag, cardinal=cardinal, rules=(_decimal_rule(name), _thousands_rule(name)))


def _decimal_rule(name: str) -> Rule:
    def decimal(match: re.Match[str]) -> str | None:
        try:
            return str(num2words(Decimal(f"{match[1]}.{match[2]}"), lang=name))
        except (NotImplementedError, OverflowError, ValueError, KeyError, IndexError, TypeError):
            return None

    return re.compile(r"(\d{1,12})[.,](\d{1,2})(?![\d.,]?\d)"), decimal


def _thousands_rule(name: str) -> Rule:
    pattern = re.compile(r"\d{1,3}(?:([., \u00a0\u202f])\d{3})(?:\1\d{3})*(?!\d)")
    return pattern, lambda match: numbers.cardinal(re.sub(r"\D", "", match[0]), name)
