"""The WebSocket `/v1/audio/speech/stream`: text in pieces in, audio and marks out.

What a client may rely on:
- `start` takes a slot or waits for one; `started` says that it has it. Text may be sent meanwhile.
- Every utterance ends with exactly one `done` or `error`; nothing of it comes afterwards, and its slot is free by then.
- Anything malformed or out of order is answered by an `error`, which ends the utterance that runs; the connection
  stays.
- `text`, `flush`, `end` and `cancel` that arrive after their utterance's end are passed over: they crossed it.
- A slot is not held for ever: see Settings.idle_timeout.
"""

from collections.abc import Callable
from functools import partial

from aiohttp import WSMsgType, web

from timbre_common import engine_stream
from timbre_common.engine_stream import Cancel, ClientMessage, End, Flush, Start, Text
from timbre_common.errors import InvalidInput, TimbreError
from timbre_engine.api import errors, keys
from timbre_engine.api.utterance import StreamedUtterance
from timbre_engine.engine import Engine
from timbre_engine.settings import Settings

_HEARTBEAT_S = 20.0
"""How often a client that died without a word is looked for."""
_CLOSE_S = 1.0
"""How long a client has to answer a close."""
_MAX_MESSAGE_BYTES = 1 << 20
"""Of one message; a longer one closes the connection."""


async def stream(request: web.Request) -> web.WebSocketResponse:
    """The handler: one connection, any number of utterances one after the other."""
    socket = web.WebSocketResponse(
        heartbeat=_HEARTBEAT_S, timeout=_CLOSE_S, compress=False, max_msg_size=_MAX_MESSAGE_BYTES
    )
    await socket.prepare(request)
    request.app[keys.SOCKETS].add(socket)
    connection = _Connection(socket, partial(_drop, request), request.app[keys.ENGINE], request.app[keys.SETTINGS])
    try:
        async for message in socket:
            await connection.received(message.data if message.type is WSMsgType.TEXT else None)
    finally:
        request.app[keys.SOCKETS].discard(socket)
        await connection.close()
    return socket


def _drop(request: web.Request) -> None:
    """Break the connection off without a word: its client does not read."""
    if request.transport is not None:
        request.transport.abort()


class _Connection:
    """What is being said on one connection."""

    def __init__(
        self, socket: web.WebSocketResponse, drop: Callable[[], None], engine: Engine, settings: Settings
    ) -> None:
        self._socket = socket
        self._drop = drop
        self._engine = engine
        self._settings = settings
        self._utterance: StreamedUtterance | None = None

    async def received(self, data: str | None) -> None:
        """Take a message; None stands for one that is not text."""
        try:
            if data is None:
                raise InvalidInput("messages in JSON text are right, not binary ones")
            await self._take(engine_stream.decode_client(data))
        except TimbreError as error:
            await self._refuse(error)

    async def close(self) -> None:
        """The client has gone: stop what runs."""
        if self._utterance is not None:
            await self._utterance.abandon()

    async def _take(self, message: ClientMessage) -> None:
        utterance = self._utterance
        if isinstance(message, Start):
            if utterance is not None and not utterance.over:
                raise InvalidInput("one utterance at a time is right: end or cancel the one that runs", "type")
            if utterance is not None:
                await utterance.finished()
            self._utterance = StreamedUtterance(self._socket, self._drop, self._engine, self._settings, message)
        elif utterance is None:
            raise InvalidInput("start is right as the first message", "type")
        elif isinstance(message, Cancel):
            await utterance.cancel()
        elif isinstance(message, Text | Flush | End):
            utterance.take(message)

    async def _refuse(self, error: TimbreError) -> None:
        if self._utterance is not None and not self._utterance.over:
            await self._utterance.fail(error)
        elif not self._socket.closed:
            await self._socket.send_str(engine_stream.encode(errors.message(error)))
