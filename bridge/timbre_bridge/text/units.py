"""Units and their names. A unit with a slash is read with the language's word for "per", unless it is listed itself."""

import re
from collections.abc import Iterable

from timbre_bridge.text.language import Unit


def _plain(*rows: tuple[str, str]) -> dict[str, Unit]:
    return {symbol: Unit(name, name + "s") for symbol, name in rows}


FRENCH: dict[str, Unit] = {
    **_plain(
        *(("km", "kilomètre"), ("m", "mètre"), ("dm", "décimètre"), ("cm", "centimètre"), ("mm", "millimètre")),
        *(("µm", "micromètre"), ("nm", "nanomètre"), ("kg", "kilogramme"), ("g", "gramme"), ("mg", "milligramme")),
        *(("µg", "microgramme"), ("l", "litre"), ("L", "litre"), ("dl", "décilitre"), ("cl", "centilitre")),
        *(("ml", "millilitre"), ("mL", "millilitre"), ("cL", "centilitre"), ("ha", "hectare")),
        *(
            ("W", "watt"),
            ("kW", "kilowatt"),
            ("MW", "mégawatt"),
            ("GW", "gigawatt"),
            ("V", "volt"),
            ("mV", "millivolt"),
        ),
        *(
            ("kV", "kilovolt"),
            ("A", "ampère"),
            ("mA", "milliampère"),
            ("Ω", "ohm"),
            ("J", "joule"),
            ("kJ", "kilojoule"),
        ),
        *(("kcal", "kilocalorie"), ("Pa", "pascal"), ("hPa", "hectopascal"), ("N", "newton"), ("lm", "lumen")),
        *(("dB", "décibel"), ("Ko", "kilooctet"), ("ko", "kilooctet"), ("Mo", "mégaoctet"), ("Go", "gigaoctet")),
        *(("To", "téraoctet"), ("KB", "kilooctet"), ("kB", "kilooctet"), ("MB", "mégaoctet"), ("GB", "gigaoctet")),
        *(("TB", "téraoctet"), ("kbit", "kilobit"), ("Mbit", "mégabit"), ("Gbit", "gigabit"), ("px", "pixel")),
        *(("kWh", "kilowattheure"), ("MWh", "mégawattheure"), ("Wh", "wattheure"), ("bar", "bar"), ("°", "degré")),
    ),
    **{symbol: Unit(name, name) for symbol, name in (("Hz", "hertz"), ("kHz", "kilohertz"), ("MHz", "mégahertz"))},
    "GHz": Unit("gigahertz", "gigahertz"),
    "lx": Unit("lux", "lux"),
    "°C": Unit("degré Celsius", "degrés Celsius"),
    "°F": Unit("degré Fahrenheit", "degrés Fahrenheit"),
    "%": Unit("pour cent", "pour cent"),
    "‰": Unit("pour mille", "pour mille"),
    "h": Unit("heure", "heures", feminine=True),
    "min": Unit("minute", "minutes", feminine=True),
    "s": Unit("seconde", "secondes", feminine=True),
    "sec": Unit("seconde", "secondes", feminine=True),
    "ms": Unit("milliseconde", "millisecondes", feminine=True),
    "µs": Unit("microseconde", "microsecondes", feminine=True),
    "ns": Unit("nanoseconde", "nanosecondes", feminine=True),
    "j": Unit("jour", "jours"),
    "t": Unit("tonne", "tonnes", feminine=True),
    "m²": Unit("mètre carré", "mètres carrés"),
    "km²": Unit("kilomètre carré", "kilomètres carrés"),
    "cm²": Unit("centimètre carré", "centimètres carrés"),
    "m³": Unit("mètre cube", "mètres cubes"),
    "cm³": Unit("centimètre cube", "centimètres cubes"),
    "km/h": Unit("kilomètre à l'heure", "kilomètres à l'heure"),
    "tr/min": Unit("tour par minute", "tours par minute"),
    "Mbit/s": Unit("mégabit par seconde", "mégabits par seconde"),
    "x": Unit("fois", "fois", feminine=True),
}

ENGLISH: dict[str, Unit] = {
    **_plain(
        *(("km", "kilometer"), ("m", "meter"), ("dm", "decimeter"), ("cm", "centimeter"), ("mm", "millimeter")),
        *(("µm", "micrometer"), ("nm", "nanometer"), ("kg", "kilogram"), ("g", "gram"), ("mg", "milligram")),
        *(("µg", "microgram"), ("l", "liter"), ("L", "liter"), ("dl", "deciliter"), ("cl", "centiliter")),
        *(("ml", "milliliter"), ("mL", "milliliter"), ("cL", "centiliter"), ("ha", "hectare")),
        *(("lb", "pound"), ("lbs", "pound"), ("oz", "ounce"), ("mi", "mile"), ("yd", "yard")),
        *(
            ("W", "watt"),
            ("kW", "kilowatt"),
            ("MW", "megawatt"),
            ("GW", "gigawatt"),
            ("V", "volt"),
            ("mV", "millivolt"),
        ),
        *(("kV", "kilovolt"), ("A", "amp"), ("mA", "milliamp"), ("Ω", "ohm"), ("J", "joule"), ("kJ", "kilojoule")),
        *(("kcal", "kilocalorie"), ("Pa", "pascal"), ("hPa", "hectopascal"), ("N", "newton"), ("lm", "lumen")),
        *(("dB", "decibel"), ("KB", "kilobyte"), ("kB", "kilobyte"), ("MB", "megabyte"), ("GB", "gigabyte")),
        *(("TB", "terabyte"), ("kbit", "kilobit"), ("Mbit", "megabit"), ("Gbit", "gigabit"), ("px", "pixel")),
        *(("kWh", "kilowatt hour"), ("MWh", "megawatt hour"), ("Wh", "watt hour"), ("bar", "bar"), ("°", "degree")),
        *(("h", "hour"), ("hr", "hour"), ("hrs", "hour"), ("min", "minute"), ("s", "second"), ("sec", "second")),
        *(("ms", "millisecond"), ("µs", "microsecond"), ("ns", "nanosecond"), ("t", "ton")),
    ),
    **{symbol: Unit(name, name) for symbol, name in (("Hz", "hertz"), ("kHz", "kilohertz"), ("MHz", "megahertz"))},
    "GHz": Unit("gigahertz", "gigahertz"),
    "lx": Unit("lux", "lux"),
    "ft": Unit("foot", "feet"),
    "°C": Unit("degree Celsius", "degrees Celsius"),
    "°F": Unit("degree Fahrenheit", "degrees Fahrenheit"),
    "%": Unit("percent", "percent"),
    "‰": Unit("per mille", "per mille"),
    "m²": Unit("square meter", "square meters"),
    "km²": Unit("square kilometer", "square kilometers"),
    "cm²": Unit("square centimeter", "square centimeters"),
    "m³": Unit("cubic meter", "cubic meters"),
    "cm³": Unit("cubic centimeter", "cubic centimeters"),
    "mph": Unit("mile per hour", "miles per hour"),
    "rpm": Unit("revolution per minute", "revolutions per minute"),
    "x": Unit("times", "times"),
}

PER: dict[str, dict[str, str]] = {
    "fr": {"h": "heure", "s": "seconde", "min": "minute", "m³": "mètre cube", "m²": "mètre carré", "kg": "kilo"},
    "en": {"h": "hour", "s": "second", "min": "minute", "m³": "cubic meter", "m²": "square meter", "kg": "kilogram"},
}
"""What may stand after a unit's slash."""

CURRENCIES: dict[str, dict[str, tuple[Unit, Unit]]] = {
    "fr": {
        "€": (Unit("euro", "euros"), Unit("centime", "centimes")),
        "$": (Unit("dollar", "dollars"), Unit("cent", "cents")),
        "£": (Unit("livre", "livres", feminine=True), Unit("penny", "pence")),
        "¥": (Unit("yen", "yens"), Unit("sen", "sen")),
    },
    "en": {
        "€": (Unit("euro", "euros"), Unit("cent", "cents")),
        "$": (Unit("dollar", "dollars"), Unit("cent", "cents")),
        "£": (Unit("pound", "pounds"), Unit("penny", "pence")),
        "¥": (Unit("yen", "yen"), Unit("sen", "sen")),
    },
}
"""A currency's sign -> its name and its hundredth's."""


_CODES = {"€": "EUR", "$": "USD", "£": "GBP"}
for _table in CURRENCIES.values():
    _table.update({code: _table[sign] for sign, code in _CODES.items()})


def alternatives(symbols: Iterable[str]) -> str:
    """A pattern for any of the symbols, the longest first."""
    return "|".join(re.escape(symbol) for symbol in sorted(symbols, key=len, reverse=True))


def with_plain_powers(table: dict[str, Unit]) -> dict[str, Unit]:
    """The table with m2 beside m²."""
    powers = {"²": "2", "³": "3"}
    return table | {symbol[:-1] + powers[symbol[-1]]: unit for symbol, unit in table.items() if symbol[-1] in powers}
