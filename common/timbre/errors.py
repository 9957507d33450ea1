"""Errors of the client's own, on the tree of `timbre_common.errors`, and the bridge's refusals as that tree's types."""

from typing import Final

from timbre_common.errors import (
    Busy,
    EngineUnavailable,
    Forbidden,
    InvalidInput,
    Permanent,
    TimbreError,
    TooLarge,
    Transient,
    Unauthorized,
)
from timbre_common.protocol import CloseCode, Error, ErrorCode


class BridgeUnavailable(Transient):
    """No bridge answers: it is away, starting, or hears no messages."""


class NotSpoken(Transient):
    """A message was sent, and no sound came of it in time, or the bridge says that it failed."""


_CLOSES: Final[dict[int, type[Permanent]]] = {
    CloseCode.MALFORMED: InvalidInput,
    CloseCode.UNAUTHORIZED: Unauthorized,
    CloseCode.FORBIDDEN: Forbidden,
    CloseCode.TOO_LARGE: TooLarge,
}
"""Close codes after which connecting again is of no use; every other one is worth a new try."""

_REFUSALS: Final[dict[int, type[Permanent]]] = {401: Unauthorized, 403: Forbidden}


def of_close(code: int | None, reason: str) -> Permanent | None:
    """The error that a close code means; None where connecting again can help."""
    if code not in _CLOSES:
        return None
    return _CLOSES[code](reason or f"the bridge closed the connection with code {int(code)}")


def of_refusal(status: int, reason: str) -> TimbreError:
    """The error that an HTTP answer in place of a WebSocket means."""
    text = f"the bridge answers HTTP {status}" + (f": {reason}" if reason else "")
    if status >= 500 or status == 429:
        return BridgeUnavailable(text)
    return _REFUSALS.get(status, InvalidInput)(text)


def of_message(error: Error) -> TimbreError:
    """The error that an `error` message means."""
    retry_after = None if error.retry_after_ms is None else error.retry_after_ms / 1000
    match error.code:
        case ErrorCode.UNAUTHORIZED:
            return Unauthorized(error.message)
        case ErrorCode.FORBIDDEN:
            return Forbidden(error.message)
        case ErrorCode.RATE_LIMITED:
            return Busy(error.message, retry_after)
        case ErrorCode.ENGINE_UNAVAILABLE:
            return EngineUnavailable(error.message, retry_after)
        case ErrorCode.INTERNAL:
            return NotSpoken(error.message, retry_after)
        case _:
            return InvalidInput(error.message)
