"""A running engine's speech, by its OpenAI surface."""

import http.client
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from timbre_common import decoding
from timbre_common.errors import EngineUnavailable, InvalidInput, TimbreError

_TIMEOUT_S: Final = 120.0
"""Seconds without a byte; a model on a small machine takes its time."""
_MAX_BYTES: Final = 64 << 20
"""Of one line: 23 minutes of speech."""


class Engine:
    """Where it answers, such as http://127.0.0.1:8770. Raises InvalidInput where that is no address."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(f"an address such as http://127.0.0.1:8770 is right, not {url!r}", "--engine")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.url = url
        self._connection = kind(parts.netloc, timeout=_TIMEOUT_S)
        self._below = parts.path.rstrip("/")

    def ready(self) -> bool:
        """Whether it can speak. Raises EngineUnavailable where it does not answer."""
        return self._ask("GET", "/health")[0] == 200

    def speak(self, **fields: Any) -> NDArray[np.int16]:
        """Samples at 24 kHz of a request with these fields; those that are None are left out.

        Raises InvalidInput for what the engine refuses, EngineUnavailable where it does not answer.
        """
        given = {key: value for key, value in fields.items() if value is not None}
        body = msgspec.json.encode({"model": "tts-1", "response_format": "pcm", **given})
        status, data = self._ask("POST", "/v1/audio/speech", body)
        if status != 200:
            raise self._refused(status, data)
        if len(data) > _MAX_BYTES or len(data) % 2:
            raise EngineUnavailable(f"what {self.url} answers is no speech of this program's: {len(data)} bytes")
        return np.frombuffer(data, "<i2").astype(np.int16)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        try:
            self._connection.request(method, self._below + path, body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            return answer.status, answer.read(_MAX_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise EngineUnavailable(f"no engine answers at {self.url}: {error!r}") from error
        finally:
            self._connection.close()

    def _refused(self, status: int, data: bytes) -> TimbreError:
        try:
            message = decoding.from_json(data, _Refusal).error.message
        except InvalidInput:
            message = "no engine of Timbre's seems to be there"
        kind = EngineUnavailable if status in (429, 503) else InvalidInput
        return kind(f"{self.url} answers {status}: {message[:500]}")


class _Error(msgspec.Struct):
    message: str


class _Refusal(msgspec.Struct):
    error: _Error
