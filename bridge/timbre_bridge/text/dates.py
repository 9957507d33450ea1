"""Dates and times: found and checked here, said by the language's own functions."""

import re
from collections.abc import Callable

from timbre_bridge.text.language import Rule

ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::\d{2}(?:\.\d+)?)?)?(?![\d/-])")
SLASHED = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?![\d/-])")
DAY_MONTH = re.compile(r"(\d{1,2})/(\d{2})(?![\d/])")
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?![\d:])")

SayDate = Callable[[int, int, int | None], str]
"""Day, month, year -> words."""
SayTime = Callable[[int, int, int | None], str]
"""Hour, minute, second -> words."""


def is_date(day: int, month: int) -> bool:
    """Whether day and month exist."""
    return 1 <= day <= 31 and 1 <= month <= 12


def is_time(hour: int, minute: int, second: int = 0) -> bool:
    """Whether it is a time of day; 24:00 is."""
    return hour <= 24 and minute < 60 and second < 60


def rules(say_date: SayDate, say_time: SayTime, at: str, *, month_first: bool) -> tuple[Rule, ...]:
    """The rules for dates in digits and for times with a colon; at: what joins a date and its time."""

    def iso(match: re.Match[str]) -> str | None:
        year, month, day = int(match[1]), int(match[2]), int(match[3])
        if not is_date(day, month):
            return None
        date = say_date(day, month, year)
        if match[4] and is_time(int(match[4]), int(match[5])):
            return f"{date} {at} {say_time(int(match[4]), int(match[5]), None)}"
        return date

    def slashed(match: re.Match[str]) -> str | None:
        day, month = int(match[1]), int(match[3])
        if (month_first and match[2] == "/" and day <= 12) or not is_date(day, month):
            day, month = month, day
        return say_date(day, month, int(match[4])) if is_date(day, month) else None

    def day_month(match: re.Match[str]) -> str | None:
        day, month = int(match[1]), int(match[2])
        if month_first:
            day, month = month, day
        written_so = match[1][0] == "0" or match[2][0] == "0" or len(match[1]) == 2
        return say_date(day, month, None) if written_so and is_date(day, month) else None

    def clock(match: re.Match[str]) -> str | None:
        hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
        if not is_time(hour, minute, second):
            return None
        return say_time(hour, minute, second if match[3] else None)

    return ((ISO, iso), (SLASHED, slashed), (CLOCK, clock), (DAY_MONTH, day_month))
