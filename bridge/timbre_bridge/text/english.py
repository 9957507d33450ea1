"""English: how numbers, dates, amounts, symbols and abbreviations are said."""

import re
from functools import lru_cache, partial

from timbre_bridge.text import dates, numbers, units
from timbre_bridge.text.language import Language, Rule, Unit, listed

MONTHS = listed("January February March April May June July August September October November December")
_SHORT_MONTHS = frozenset(listed("Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec"))
_SPACE = r"[ \u00a0\u202f]"
_INTEGER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?:[\u00a0\u202f]\d{3})+(?!\d)|\d+)"
_NUMBER = rf"{_INTEGER}(?:\.\d+)?"
_END = r"(?![^\W_])"
_UNITS = units.with_plain_powers(units.ENGLISH)
_PER = units.PER["en"]
_MONEY = units.CURRENCIES["en"]
_SIGNS = units.alternatives(_MONEY)
_SCALES = {
    "k": "thousand", "K": "thousand", "thousand": "thousand", "m": "million", "M": "million", "million": "million",
    "bn": "billion", "B": "billion", "billion": "billion", "trillion": "trillion",
}  # fmt: skip
_FRACTIONS = {2: ("half", "halves"), 3: ("third", "thirds"), 4: ("quarter", "quarters")}
_MONARCHS = frozenset(
    listed("Henry Louis Charles George Edward William Richard James Elizabeth Philip Pius John Benedict")
)
_COUNTED = frozenset(listed("chapter part act scene volume phase type section article war book appendix rocky"))

_words = partial(numbers.cardinal, language="en")


def _say(number: str) -> str:
    whole, _, decimals = re.sub(rf"{_SPACE}|,", "", number).partition(".")
    words = _words(whole)
    return f"{words} point {numbers.one_by_one(decimals, 'en')}" if decimals else words


def _value(number: str) -> float:
    return float(re.sub(rf"{_SPACE}|,", "", number))


def _count(number: str, unit: Unit) -> str:
    return f"{_say(number)} {unit.one if _value(number) == 1 and '.' not in number else unit.many}"


def _plain(match: re.Match[str]) -> str:
    if re.fullmatch(r"1[1-9]\d\d|20[1-9]\d", match[0]):
        return numbers.words(int(match[0]), "en", "year")
    return _say(match[0])


def _ordinal(value: int) -> str:
    return numbers.words(value, "en", "ordinal")


def _year(year: int) -> str:
    return numbers.words(year, "en", "year")


def _date_us(day: int, month: int, year: int | None) -> str:
    tail = f", {_year(year)}" if year is not None else ""
    return f"{MONTHS[month - 1]} {_ordinal(day)}{tail}"


def _date_gb(day: int, month: int, year: int | None) -> str:
    tail = f" {_year(year)}" if year is not None else ""
    return f"the {_ordinal(day)} of {MONTHS[month - 1]}{tail}"


def _time(hour: int, minute: int, second: int | None) -> str:
    spoken = numbers.words(hour, "en")
    if minute:
        spoken += f" oh {_words(str(minute))}" if minute < 10 else f" {_words(str(minute))}"
    else:
        spoken += " o'clock" if 0 < hour <= 12 else " hundred"
    return f"{spoken} and {_count(str(second), _UNITS['s'])}" if second else spoken


def _half_day(match: re.Match[str]) -> str | None:
    hour, minute = int(match[1]), int(match[2] or 0)
    if not dates.is_time(hour, minute) or hour > 12:
        return None
    spoken = _time(hour, minute, None).removesuffix(" o'clock")
    return f"{spoken} {match[3].upper()}-M"


def _money_first(match: re.Match[str]) -> str:
    sign, number, scale = match[1], match[2], match[3]
    if scale:
        return f"{_say(number)} {_SCALES[scale]} {_MONEY[sign][0].many}"
    return _amount(number, *_MONEY[sign])


def _money_last(match: re.Match[str]) -> str:
    number, scale, sign = match[1], match[2], match[3]
    per = f" per {_PER[match[4]]}" if match[4] else ""
    if scale:
        return f"{_say(number)} {_SCALES[scale]} {_MONEY[sign][0].many}{per}"
    return _amount(number, *_MONEY[sign]) + per


def _around_the_clock(_match: re.Match[str]) -> str:
    return "twenty-four seven"


def _amount(number: str, whole: Unit, cents: Unit) -> str:
    integer, _, decimals = number.partition(".")
    if len(decimals) != 2:
        return _count(number, whole)
    if int(decimals) == 0:
        return _count(integer, whole)
    small = _count(str(int(decimals)), cents)
    return small if _value(integer) == 0 else f"{_count(integer, whole)} and {small}"


def _measure(match: re.Match[str]) -> str:
    per = f" per {_PER[match[3]]}" if match[3] else ""
    return _count(match[1], _UNITS[match[2]]) + per


def _range(match: re.Match[str]) -> str | None:
    first, last, unit = match[1], match[2], match[3]
    if unit:
        return f"{_say(first)} to {_count(last, _UNITS[unit])}"
    year = re.fullmatch(r"1[1-9]\d\d|20\d\d", first)
    if year and re.fullmatch(r"1[1-9]\d\d|20\d\d", last):
        return f"{_year(int(first))} to {_year(int(last))}"
    return f"{_say(first)} to {_say(last)}"


def _fraction(match: re.Match[str]) -> str:
    above, below = int(match[1]), int(match[2])
    if below in _FRACTIONS and above < 10:
        return f"{_words(match[1])} {_FRACTIONS[below][above > 1]}"
    if 4 < below <= 10 and above < below:
        return f"{_words(match[1])} {_ordinal(below)}{'s' if above > 1 else ''}"
    return f"{_words(match[1])} over {_words(match[2])}"


def _decade(match: re.Match[str]) -> str:
    year = match[1]
    words = _year(int(year)) if len(year) == 4 else numbers.words(int(year), "en")
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _phone(match: re.Match[str]) -> str:
    return ", ".join(numbers.one_by_one(group, "en") for group in re.findall(r"\d+", match[0]))


def roman(before: str, word: str) -> str | None:
    """A Roman numeral: of a monarch, a chapter, a war."""
    value = numbers.from_roman(word) if len(word) > 1 or word in "VX" else None
    if value and before in _MONARCHS:
        return f"the {_ordinal(value)}"
    return numbers.words(value, "en") if value and before.lower() in _COUNTED else None


def after_month(before: str, text: str) -> str | None:
    """ "May 5": the day is said as an ordinal."""
    match = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?[.,]?", text)
    if match and 1 <= int(match[1]) <= 31 and (before in MONTHS or before in _SHORT_MONTHS) and text.isdigit():
        return _ordinal(int(match[1]))
    return None


def _rules(*, month_first: bool) -> tuple[Rule, ...]:
    dated = dates.rules(_date_us if month_first else _date_gb, _time, "at", month_first=month_first)
    unit, scale, per = units.alternatives(_UNITS), units.alternatives(_SCALES), units.alternatives(_PER)
    return (
        *dated[:2],
        (re.compile(rf"(\d{{1,2}})(?::(\d{{2}}))?{_SPACE}?([ap])\.?m{_END}", re.IGNORECASE), _half_day),
        dated[2],
        (re.compile(r"(?:\d{3}[-. ]\d{3}[-. ]\d{4}|\d{3}-\d{4}|1[- ]\d{3}[-. ]\d{3}[-. ]\d{4})(?![\d-])"), _phone),
        (re.compile(r"\d+(?:\.\d+){2,}"), lambda match: " point ".join(_words(part) for part in match[0].split("."))),
        (re.compile(rf"({_SIGNS})({_NUMBER})(?:{_SPACE}?({scale}){_END})?"), _money_first),
        (re.compile(rf"({_NUMBER})[–\-]({_NUMBER})(?![–\-/:]?\d)(?:{_SPACE}?({unit}){_END})?"), _range),
        (re.compile(rf"({_NUMBER}){_SPACE}?(k|M|bn)?({_SIGNS})(?:/({per}))?{_END}"), _money_last),
        (re.compile(rf"(\d+)(?:st|nd|rd|th){_END}"), lambda match: _ordinal(int(match[1]))),
        (re.compile(rf"(\d{{3}}0|\d0)s{_END}"), _decade),
        dated[3],
        (re.compile(r"24/7(?![\d/])"), _around_the_clock),
        (re.compile(r"(\d+)/(\d+)(?![\d/])"), _fraction),
        (re.compile(r"(\d+)[x×](\d+)(?!\d)"), lambda match: f"{_words(match[1])} by {_words(match[2])}"),
        (re.compile(rf"(\d+)k{_END}"), lambda match: _words(match[1] + "000")),
        (re.compile(rf"({_NUMBER}){_SPACE}?({unit})(?:/({per}))?{_END}"), _measure),
        (re.compile(_NUMBER), _plain),
    )


_VOCABULARY = frozenset(
    [
        *_UNITS,
        *_MONEY,
        *_SCALES,
        "st",
        "nd",
        "rd",
        "th",
        "am",
        "pm",
        "AM",
        "PM",
        "a.m.",
        "p.m.",
        "A.M.",
        "P.M.",
        "a.m",
        "p.m",
    ]
    + [f"{unit}/{per}" for unit in units.ENGLISH for per in _PER if "/" not in unit]
    + [f"{sign}/{per}" for sign in _MONEY for per in _PER]
    + [f"{scale}{sign}" for scale in ("k", "M", "bn") for sign in _MONEY]
)


@lru_cache(maxsize=2)
def language(*, month_first: bool) -> Language:
    """American English, or (day first) all others."""
    return Language(
        code="en",
        cardinal=_words,
        rules=_rules(month_first=month_first),
        vocabulary=_VOCABULARY,
        phrases={
            "Mr.": "Mister", "Mr": "Mister", "Mrs.": "Missus", "Mrs": "Missus", "Ms.": "Miss", "Dr.": "Doctor",
            "Dr": "Doctor", "Prof.": "Professor", "St.": "Saint", "etc": "et cetera",
            "e.g.": "for example", "i.e.": "that is", "vs.": "versus", "vs": "versus", "approx.": "approximately",
            "a.k.a.": "also known as",
            "Jr.": "Junior", "Sr.": "Senior", "p.m.": "P-M", "a.m.": "A-M",
            "C++": "C plus plus", "C#": "C sharp", "w/": "with", "w/o": "without", "b/c": "because",
        },
        symbols={
            "&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "‰": "per mille", "<": "less than",
            ">": "greater than", "≤": "at most", "≥": "at least", "≠": "not equal to", "→": "to", "÷": "divided by",
            "±": "plus or minus", "€": "euros", "$": "dollars", "£": "pounds", "½": "one half", "¼": "one quarter",
            "¾": "three quarters", "§": "section", "°": "degrees", "√": "square root of", "∞": "infinity",
            "²": "squared", "³": "cubed",
        },
        point="dot", minus="minus", times="times", about="about", number="number", per="per", over="over", to="to",
        plural_s="'s",
        roman=roman, after_word=after_month,
    )  # fmt: skip
