"""`POST /v1/audio/speech`: a whole text in, audio out while it is being made."""

import asyncio
import base64
import logging
from typing import Any, Protocol

import msgspec
from aiohttp import web

from timbre_common import encoders
from timbre_common.encoders import Encoder
from timbre_common.errors import InvalidInput, TimbreError
from timbre_engine.api import errors, keys
from timbre_engine.api.request import SpeechRequest, StreamFormat, parse
from timbre_engine.backend import Audio, Finished
from timbre_engine.engine import Arrival, MeasuredUtterance

_log = logging.getLogger(__name__)

_SAMPLES_OF_TOKEN = 1920
"""An output token of the usage: a model's frame of 80 ms."""


async def speech(request: web.Request) -> web.StreamResponse:
    """The handler. What is wrong before the first audio is told by status; later the connection breaks off."""
    engine, settings = request.app[keys.ENGINE], request.app[keys.SETTINGS]
    asked = parse(await request.read(), engine.backend.info.model, settings.max_chars)
    arrival = Arrival()
    async with engine.utterance(asked.wanted, arrival) as utterance:
        await utterance.feed(asked.text)
        await utterance.end()
        # In a thread, since the first Opus or FLAC loads FFmpeg, and other streams play meanwhile.
        encoder = await asyncio.to_thread(encoders.KINDS[asked.format].encoder)
        answer = _Answer(request, asked, encoder, settings.send_timeout)
        try:
            await _answer(utterance, answer)
        except ConnectionError:
            raise
        except Exception as error:
            if not answer.begun:
                raise
            _log.warning("an answer broke off")
            await answer.break_off(error if isinstance(error, TimbreError) else errors.internal(error))
        return answer.response


async def _answer(utterance: MeasuredUtterance, answer: "_Answer") -> None:
    async for event in utterance:
        if isinstance(event, Audio):
            await answer.audio(event.pcm)
        elif isinstance(event, Finished):
            if event.samples == 0:
                raise InvalidInput("some words are right: there is nothing to say in this text", "input")
            await answer.done(event.samples)


class _Body(Protocol):
    """How audio is wrapped in the answer's body."""

    content_type: str

    def audio(self, data: bytes) -> bytes:
        """A piece of the encoded audio."""

    def done(self, usage: dict[str, int]) -> bytes:
        """After the last piece."""

    def broken(self, error: TimbreError) -> bytes | None:
        """Instead of the rest; None where only breaking the connection can say it."""


class _Plain:
    """The audio itself."""

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type

    def audio(self, data: bytes) -> bytes:
        return data

    def done(self, usage: dict[str, int]) -> bytes:  # noqa: ARG002
        return b""

    def broken(self, error: TimbreError) -> bytes | None:  # noqa: ARG002
        return None


class _Events:
    """Server-sent events, as OpenAI names them."""

    content_type = "text/event-stream"

    def audio(self, data: bytes) -> bytes:
        return _event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()}) if data else b""

    def done(self, usage: dict[str, int]) -> bytes:
        return _event({"type": "speech.audio.done", "usage": usage})

    def broken(self, error: TimbreError) -> bytes | None:
        return _event({"type": "error", **errors.body(error)})


class _Answer:
    """The answer as it is being written."""

    def __init__(self, request: web.Request, asked: SpeechRequest, encoder: Encoder, send_timeout: float) -> None:
        content_type = encoders.KINDS[asked.format].content_type
        self._request = request
        self._encoder = encoder
        self._body: _Body = _Events() if asked.stream_format is StreamFormat.SSE else _Plain(content_type)
        self._characters = len(asked.text)
        self._send_timeout = send_timeout
        self.begun = False
        self.response = web.StreamResponse(
            headers={"Content-Type": self._body.content_type, "Cache-Control": "no-store"}
        )

    async def audio(self, pcm: bytes) -> None:
        """More samples."""
        await self._write(self._body.audio(self._encoder.feed(pcm)))

    async def done(self, samples: int) -> None:
        """The last sample was given."""
        output = -(-samples // _SAMPLES_OF_TOKEN)
        usage = {
            "input_tokens": self._characters,
            "output_tokens": output,
            "total_tokens": self._characters + output,
        }
        await self._write(self._body.audio(self._encoder.finish()) + self._body.done(usage))
        await self.response.write_eof()

    async def break_off(self, error: TimbreError) -> None:
        """There is no more; the client must not take it for the whole."""
        said = self._body.broken(error)
        if said is not None:
            await self._write(said)
            await self.response.write_eof()
        else:
            self._abort()

    async def _write(self, data: bytes) -> None:
        if not self.begun:
            self.begun = True
            await self.response.prepare(self._request)
        if data:
            try:
                async with asyncio.timeout(self._send_timeout):
                    await self.response.write(data)
            except TimeoutError as error:
                _log.warning("a client did not read its audio and is dropped")
                self._abort()
                raise ConnectionAbortedError("the client does not read") from error

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
