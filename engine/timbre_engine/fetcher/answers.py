"""What a source's answer means: go on, try again and when, or give up. Pure."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from timbre_common.errors import FetchFailed, SourceMissing, TimbreError, TooLarge, Unauthorized

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_WAIT_S: Final = 3600.0


def refusal(status: int, host: str, headers: Mapping[str, str], now: float | None = None) -> TimbreError:
    """The error of an answer that brings no file. `now` in seconds since 1970, for a Retry-After that is a date."""
    if status in (401, 403):
        return Unauthorized(f"{host} answers {status}: it wants credentials, or other ones, from the host's Secret")
    if status in (404, 410):
        return SourceMissing(f"{host} answers {status}: it has no such file")
    return FetchFailed(f"{host} answers {status}", retry_after(headers.get("Retry-After"), now))


def retry_after(value: str | None, now: float | None = None) -> float | None:
    """Seconds that Retry-After asks for, within bounds; None where it says nothing that can be read."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdecimal() else _until(value, now)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(_MOST_WAIT_S, max(0.0, seconds))


def length(headers: Mapping[str, str], host: str, most: int) -> int | None:
    """Bytes that an answer announces. Raises TooLarge over `most`, FetchFailed for what is no length."""
    value = headers.get("Content-Length")
    if value is None:
        return None
    if not value.isdecimal():
        raise FetchFailed(f"{host} announces a length that is none")
    refuse_over(int(value), most)
    return int(value)


def refuse_over(size: int, most: int) -> None:
    """Raises TooLarge for a size in bytes over `most`."""
    if size > most:
        raise TooLarge(f"at most {most} bytes are fetched, and there are {size} or more")


def _until(value: str, now: float | None) -> float:
    return parsedate_to_datetime(value).timestamp() - (time.time() if now is None else now)
