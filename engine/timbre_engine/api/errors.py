"""The one table from errors to what a client is told: HTTP status, OpenAI's error object, the stream's message."""

import logging
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from timbre_common import engine_stream
from timbre_common.errors import (
    Busy,
    EngineUnavailable,
    Forbidden,
    IdleTimeout,
    InvalidInput,
    Permanent,
    RedisUnavailable,
    SetupError,
    TimbreError,
    TooLarge,
    Transient,
    Unauthorized,
    UnknownModel,
    UnknownVoice,
    Unsupported,
)

_log = logging.getLogger(__name__)

_INVALID: Final = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class Told:
    """How a kind of error is told."""

    status: int
    type: str
    """OpenAI's type of error."""
    code: str
    """OpenAI's code, and the stream's."""


TABLE: Final[dict[type[TimbreError], Told]] = {
    InvalidInput: Told(400, _INVALID, "invalid_value"),
    TooLarge: Told(400, _INVALID, "string_above_max_length"),
    Unsupported: Told(400, _INVALID, "unsupported"),
    UnknownVoice: Told(404, _INVALID, "voice_not_loaded"),
    UnknownModel: Told(404, _INVALID, "model_not_found"),
    Unauthorized: Told(401, "authentication_error", "unauthorized"),
    Forbidden: Told(403, "permission_error", "forbidden"),
    SetupError: Told(500, "server_error", "internal"),
    Permanent: Told(500, "server_error", "internal"),
    Busy: Told(429, "rate_limit_error", "queue_full"),
    EngineUnavailable: Told(503, "server_error", "engine_unavailable"),
    IdleTimeout: Told(408, _INVALID, "idle_timeout"),
    RedisUnavailable: Told(503, "server_error", "unavailable"),
    Transient: Told(503, "server_error", "unavailable"),
    TimbreError: Told(500, "server_error", "internal"),
}


def told(error: TimbreError) -> Told:
    """How this error is told: by its own type, or the nearest above it."""
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def body(error: TimbreError) -> dict[str, Any]:
    """OpenAI's error object."""
    how = told(error)
    return {"error": {"message": str(error), "type": how.type, "param": _param(error), "code": how.code}}


def response(error: TimbreError) -> web.Response:
    """The HTTP answer."""
    headers = {}
    if isinstance(error, Transient) and error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return web.json_response(body(error), status=told(error).status, headers=headers)


def message(error: TimbreError) -> engine_stream.Error:
    """The stream's answer."""
    retry_after = error.retry_after if isinstance(error, Transient) else None
    retry_after_ms = None if retry_after is None else round(retry_after * 1000)
    return engine_stream.Error(code=told(error).code, message=str(error), retry_after_ms=retry_after_ms)


def internal(error: Exception) -> TimbreError:
    """An error that nobody foresaw: logged with its traceback, and told without details."""
    _log.error("internal error", exc_info=error)
    return TimbreError("internal error")


def _param(error: TimbreError) -> str | None:
    if isinstance(error, InvalidInput):
        return error.field or None
    match error:
        case UnknownVoice():
            return "voice"
        case UnknownModel():
            return "model"
        case _:
            return None
