"""The few HTTP requests that the launcher makes, all to its own children on this machine, past any proxy."""

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

import msgspec

from timbre_common import decoding
from timbre_common.documents import VoicesDocument, VoicesStatus
from timbre_common.errors import EngineUnavailable, InvalidInput

TIMEOUT: Final = 2.0
"""Seconds."""


def request(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of the answer. Raises OSError where there is none."""
    parts = urlsplit(url)
    connection = (
        HTTPSConnection(parts.hostname or "", parts.port, timeout=TIMEOUT, context=_any_certificate())
        if parts.scheme == "https"
        else HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    )
    try:
        connection.request(method, parts.path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(1 << 20)
    except HTTPException as error:
        raise OSError(f"not an HTTP answer: {error!r}") from error
    finally:
        connection.close()


def healthy(url: str) -> bool:
    """Whether `url` answers 200."""
    try:
        return request("GET", url)[0] == 200
    except OSError:
        return False


def well(url: str) -> bool:
    """Whether the bridge's health at `url` says that Redis and the engines are there too."""
    try:
        status, body = request("GET", url)
        return status == 200 and decoding.from_json(body, _Health).status == "ok"
    except (OSError, InvalidInput):
        return False


class _Health(msgspec.Struct):
    status: str


class Administration:
    """The engine's administration port."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def put(self, document: VoicesDocument) -> VoicesStatus:
        """Tell the engine which voices it shall hold. Raises EngineUnavailable, InvalidInput."""
        return self._ask("PUT", msgspec.json.encode(document))

    def get(self) -> VoicesStatus:
        """What became of them. Raises EngineUnavailable, InvalidInput."""
        return self._ask("GET", None)

    def _ask(self, method: str, body: bytes | None) -> VoicesStatus:
        try:
            status, answer = request(method, self._url, body, self._headers)
        except OSError as error:
            raise EngineUnavailable(f"the engine's administration port does not answer: {error}") from error
        if status >= 500:
            raise EngineUnavailable(f"the engine answers HTTP {status} to the voices")
        if status >= 300:
            raise InvalidInput(
                f"the engine refuses the voices (HTTP {status}): {answer[:200].decode(errors='replace')}"
            )
        return decoding.from_json(answer, VoicesStatus)


def _any_certificate() -> ssl.SSLContext:
    """For the health of our own child on our own machine: a given certificate need not be made out to its address."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
