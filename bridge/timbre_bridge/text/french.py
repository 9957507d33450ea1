"""French: how numbers, dates, amounts, symbols and abbreviations are said."""

import re
from functools import partial

from timbre_bridge.text import dates, numbers, units
from timbre_bridge.text.french_words import FEMININE, MONTHS, roman
from timbre_bridge.text.language import Language, Rule, Unit

_SPACE = r"[ \u00a0\u202f]"
_INTEGER = rf"(?:\d{{1,3}}(?:{_SPACE}\d{{3}})+(?!\d)|\d+)"
_NUMBER = rf"{_INTEGER}(?:[.,]\d+)?"
_END = r"(?![^\W_])"
_UNITS = units.with_plain_powers(units.FRENCH)
_PER = units.PER["fr"]
_PER_NAMES = units.alternatives(_PER)
_MONEY = units.CURRENCIES["fr"]
_SIGNS = units.alternatives(_MONEY)
_SCALES = {"k": "mille", "M": "million", "Md": "milliard", "Mds": "milliard"}
_ORDINALS = {
    **dict.fromkeys(("er",), "premier"),
    **dict.fromkeys(("re", "ère", "ere"), "première"),
    **dict.fromkeys(("ers",), "premiers"),
    **dict.fromkeys(("res", "ères"), "premières"),
    **dict.fromkeys(("nd",), "second"),
    **dict.fromkeys(("nde",), "seconde"),
    **dict.fromkeys(("e", "ème", "eme", "è"), "ième"),
    **dict.fromkeys(("es", "èmes", "emes"), "ièmes"),
}
_FRACTIONS = {2: ("demi", "demis"), 3: ("tiers", "tiers"), 4: ("quart", "quarts")}

_words = partial(numbers.cardinal, language="fr")


def _say(number: str, *, feminine: bool = False) -> str:
    """A number as written in French, with thousands' spaces and a comma or a dot."""
    whole, _, decimals = re.sub(_SPACE, "", number).replace(".", ",").partition(",")
    words = _words(whole)
    if decimals:
        zeros = len(decimals) - len(decimals.lstrip("0"))
        rest = decimals[zeros:]
        digits = ["zéro"] * zeros + (
            [_words(rest) if len(decimals) <= 3 else numbers.one_by_one(rest, "fr")] if rest else []
        )
        return f"{words} virgule {' '.join(digits)}"
    return words + "e" if feminine and re.search(r"\bun$", words) else words


def _value(number: str) -> float:
    return float(re.sub(_SPACE, "", number).replace(",", "."))


def _of(name: str) -> str:
    return f"d'{name}" if name[0] in "aeéiouh" else f"de {name}"


def _count(number: str, unit: Unit) -> str:
    words = _say(number, feminine=unit.feminine)
    name = unit.many if _value(number) >= 2 else unit.one
    if re.search(r"(?:million|milliard)s?$", words):
        return f"{words} {_of(name)}"
    return f"{words} {name}"


def _date(day: int, month: int, year: int | None) -> str:
    spoken = "premier" if day == 1 else numbers.words(day, "fr")
    tail = f" {numbers.words(year, 'fr')}" if year is not None else ""
    return f"{spoken} {MONTHS[month - 1]}{tail}"


def _time(hour: int, minute: int, second: int | None) -> str:
    spoken = _count(str(hour), _UNITS["h"])
    if minute or second:
        spoken += " " + _say(str(minute), feminine=True)
    return f"{spoken} et {_count(str(second), _UNITS['s'])}" if second else spoken


def _hours(match: re.Match[str]) -> str | None:
    hour, minute = int(match[1]), int(match[2] or 0)
    if minute >= 60:
        return None
    spoken = _time(hour, minute, None)
    return f"{spoken} minutes" if match[3] else spoken


def _ordinal(match: re.Match[str]) -> str | None:
    ending = _ORDINALS[match[2]]
    if not ending.startswith("ième"):
        return ending if match[1] in ("1", "2") else None
    spoken = numbers.words(int(match[1]), "fr", "ordinal").replace("quatre-vingtsième", "quatre-vingtième")
    spoken = spoken.replace("centsième", "centième")
    return spoken + ("s" if ending.endswith("s") else "")


def _money(match: re.Match[str]) -> str:
    number, scale, (whole, cents) = match[1], match[2], _MONEY[match[3]]
    per = f" par {_PER[match[4]]}" if match[4] else ""
    if scale == "k":
        return f"{_say(number)} mille {whole.many}{per}"
    if scale:
        plural = "s" if _value(number) >= 2 else ""
        return f"{_say(number)} {_SCALES[scale]}{plural} {_of(whole.many)}{per}"
    return _amount(number, whole, cents) + per


def _amount(number: str, whole: Unit, cents: Unit) -> str:
    integer, _, decimals = re.sub(_SPACE, "", number).replace(".", ",").partition(",")
    if len(decimals) != 2:
        return _count(number, whole)
    if int(decimals) == 0:
        return _count(integer, whole)
    if int(integer) == 0:
        return _count(str(int(decimals)), cents)
    return f"{_count(integer, whole)} {_words(str(int(decimals)))}"


def _money_first(match: re.Match[str]) -> str:
    return _amount(match[2], *_MONEY[match[1]])


def _measure(match: re.Match[str]) -> str | None:
    unit = _UNITS.get(match[2])
    if unit is None:
        return None
    per = f" par {_PER[match[3]]}" if match[3] else ""
    return _count(match[1], unit) + per


def _range(match: re.Match[str]) -> str | None:
    first, last, unit = match[1], match[2], match[3]
    if unit in _MONEY:
        return f"{_say(first)} à {_amount(last, *_MONEY[unit])}"
    if unit and unit not in _UNITS:
        return None
    feminine = bool(unit) and _UNITS[unit].feminine
    end = _count(last, _UNITS[unit]) if unit else _say(last)
    return f"{_say(first, feminine=feminine)} à {end}"


def _fraction(match: re.Match[str]) -> str:
    above, below = int(match[1]), int(match[2])
    if below in _FRACTIONS and above < 10:
        return f"{_words(match[1])} {_FRACTIONS[below][above > 1]}"
    return f"{_words(match[1])} sur {_words(match[2])}"


def _phone(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    if digits[0] != "0":
        return f"{_words(digits[:2])}, {_words(digits[2])}, {numbers.in_pairs(digits[3:], 'fr')}"
    return numbers.in_pairs(digits, "fr")


def _first_of_month(_match: re.Match[str]) -> str:
    return "premier"


def _thousands(match: re.Match[str]) -> str:
    return _words(match[0].replace(".", ""))


_TOKENS = sorted(_UNITS, key=len, reverse=True)
_UNIT = units.alternatives(_TOKENS)
_RULES: tuple[Rule, ...] = (
    *dates.rules(_date, _time, "à", month_first=False)[:3],
    (
        re.compile(r"(?:0\d(?:[ .\-\u00a0\u202f]?\d{2}){4}|33[ \u00a0\u202f]?\d(?:[ .\-\u00a0\u202f]?\d{2}){4})(?!\d)"),
        _phone,
    ),
    (re.compile(r"\d{1,3}(?:\.\d{3}){2}(?![\d.])"), _thousands),
    (re.compile(r"\d+(?:\.\d+){2,}"), lambda match: " point ".join(_words(part) for part in match[0].split("."))),
    (re.compile(rf"(\d{{1,2}}){_SPACE}?h{_SPACE}?(\d{{2}})?(?:{_SPACE}?(min))?{_END}"), _hours),
    (re.compile(rf"({_SIGNS})({_NUMBER})"), _money_first),
    (re.compile(rf"({_NUMBER})[–\-]({_NUMBER})(?![–\-/:]?\d)(?:{_SPACE}?({_UNIT}|{_SIGNS}){_END})?"), _range),
    (re.compile(rf"({_NUMBER}){_SPACE}?(Mds|Md|M|k)?({_SIGNS})(?:/({_PER_NAMES}))?{_END}"), _money),
    (re.compile(rf"(\d+)({units.alternatives(_ORDINALS)}){_END}"), _ordinal),
    dates.rules(_date, _time, "à", month_first=False)[3],
    (re.compile(r"(\d+)/(\d+)(?![\d/])"), _fraction),
    (re.compile(r"(\d+)[x×](\d+)(?!\d)"), lambda match: f"{_words(match[1])} par {_words(match[2])}"),
    (re.compile(rf"(\d+)k{_END}"), lambda match: _words(match[1] + "000")),
    (re.compile(rf"({_NUMBER}){_SPACE}?({_UNIT})(?:/({_PER_NAMES}))?{_END}"), _measure),
    (re.compile(rf"1(?={_SPACE}(?:{'|'.join(MONTHS)}){_END})"), _first_of_month),
    (
        re.compile(rf"({_INTEGER})(?={_SPACE}(?:{'|'.join(FEMININE)}){_END})"),
        lambda match: _say(match[1], feminine=True),
    ),
    (re.compile(_NUMBER), lambda match: _say(match[0])),
)

LANGUAGE = Language(
    code="fr",
    cardinal=_words,
    rules=_RULES,
    vocabulary=frozenset(
        [*_UNITS, *_MONEY, *_ORDINALS, *MONTHS, *FEMININE, "k"]
        + [f"{unit}/{per}" for unit in units.FRENCH for per in _PER if "/" not in unit]
        + [f"{sign}/{per}" for sign in _MONEY for per in _PER]
        + [f"{scale}{sign}" for scale in _SCALES for sign in _MONEY]
    ),
    phrases={
        "M.": "Monsieur", "MM.": "Messieurs", "Mme": "Madame", "Mmes": "Mesdames", "Mlle": "Mademoiselle",
        "Dr": "Docteur", "Dr.": "Docteur", "Pr": "Professeur", "St": "Saint", "Ste": "Sainte",
        "etc": "et cetera", "p. ex.": "par exemple", "c.-à-d.": "c'est-à-dire",
        "càd": "c'est-à-dire", "n°": "numéro", "N°": "numéro", "n\u00ba": "numéro", "№": "numéro",
        "tél.": "téléphone", "Tél.": "téléphone", "av. J.-C.": "avant Jésus-Christ", "apr. J.-C.": "après Jésus-Christ",
        "svp": "s'il vous plaît", "SVP": "s'il vous plaît", "stp": "s'il te plaît", "STP": "s'il te plaît",
        "bcp": "beaucoup", "vs": "contre", "vs.": "contre", "C++": "C plus plus", "C#": "C sharp",
        "A/R": "aller-retour",
    },
    symbols={
        "&": "et", "+": "plus", "=": "égale", "@": "arobase", "%": "pour cent", "‰": "pour mille", "<": "inférieur à",
        ">": "supérieur à", "≤": "inférieur ou égal à", "≥": "supérieur ou égal à", "≠": "différent de", "→": "vers",
        "÷": "divisé par", "±": "plus ou moins", "€": "euros", "$": "dollars", "£": "livres", "½": "un demi",
        "¼": "un quart", "¾": "trois quarts", "§": "paragraphe", "°": "degrés", "√": "racine de", "∞": "infini",
        "²": "au carré", "³": "au cube",
    },
    point="point", minus="moins", times="fois", about="environ", number="numéro", per="par", over="sur", to="à",
    spaced_marks=True, roman=roman,
)  # fmt: skip
