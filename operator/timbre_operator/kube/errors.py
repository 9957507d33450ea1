"""The API server's refusals as Timbre's errors: the one table."""

import json
from http import HTTPStatus
from typing import Any, Final

from timbre_common.errors import (
    ClusterUnavailable,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Permanent,
    TimbreError,
    TooLarge,
    Unauthorized,
)

_OF_STATUS: Final[dict[int, type[TimbreError]]] = {
    HTTPStatus.BAD_REQUEST: InvalidInput,
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.GONE: Conflict,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLarge,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: InvalidInput,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidInput,
}
_MAX_MESSAGE: Final = 1024


def from_answer(method: str, path: str, status: int, content: bytes, retry_after: str | None = None) -> TimbreError:
    """The error that an answer which is no success means.

    429 and everything from 500 on are Transient, with the server's Retry-After in seconds; what the table does not name
    is Permanent.
    """
    message = f"{method} {path}: {status} {_message(content)}"[:_MAX_MESSAGE].rstrip()
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
        return ClusterUnavailable(message, seconds)
    return _OF_STATUS.get(status, Permanent)(message)


def _message(content: bytes) -> str:
    """The `message` of a metav1.Status; otherwise the answer's beginning (a proxy may answer in HTML)."""
    try:
        told: Any = json.loads(content)
        return str(told["message"])
    except (ValueError, TypeError, KeyError):
        return content[:200].decode(errors="replace")
