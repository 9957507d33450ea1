"""One engine: its speech stream over WebSocket, on connections that stay open between utterances."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    WSMsgType,
    WSServerHandshakeError,
)

from timbre_bridge.engines.pods import Pods
from timbre_common import engine_stream
from timbre_common.engine_stream import Cancel, Done, End, Error, ServerMessage, Start, Started, Text
from timbre_common.errors import Busy, EngineUnavailable, InvalidInput, TimbreError, Transient, UnknownVoice

log = logging.getLogger(__name__)

CONNECT_TIMEOUT: Final = 2.0
CANCEL_TIMEOUT: Final = 1.0
SILENT_TIMEOUT: Final = 30.0
"""Seconds without any message while audio is owed, after which the engine counts as stuck."""
MAX_IDLE: Final = 8
"""Connections kept open for the next utterances."""

_ERRORS: Final[dict[str, type[TimbreError]]] = {"voice_not_loaded": UnknownVoice, "queue_full": Busy}
_TRANSIENT: Final = frozenset({"engine_unavailable", "loading", "internal", "server_error", "internal_error"})


class EngineStream:
    """One utterance on an engine's connection: text goes in, audio and messages come out."""

    def __init__(self, socket: ClientWebSocketResponse, url: str) -> None:
        self.socket = socket
        self.url = url
        """Of the pod at the other end."""
        self.finished = False
        """The engine said `done` or `error`: the connection is free again."""

    async def send(self, message: Start | Text | End | Cancel) -> None:
        """Raises EngineUnavailable where the connection broke."""
        try:
            await self.socket.send_str(engine_stream.encode(message))
        except (ClientError, ConnectionError) as error:
            raise EngineUnavailable("the connection to the engine broke") from error

    async def receive(self, within: float | None = SILENT_TIMEOUT) -> bytes | ServerMessage:
        """Audio (s16le) or a message. Raises UnknownVoice, InvalidInput, Busy, EngineUnavailable."""
        try:
            message = await self.socket.receive(within)
        except TimeoutError as error:
            raise EngineUnavailable(f"the engine said nothing for {within:.0f} s") from error
        if message.type is WSMsgType.BINARY:
            return bytes(message.data)
        if message.type is not WSMsgType.TEXT:
            raise EngineUnavailable("the engine closed the connection")
        answer = engine_stream.decode_server(message.data)
        if isinstance(answer, Done | Error):
            self.finished = True
        if isinstance(answer, Error):
            _raise(answer)
        return answer


class EngineClient:
    """Opens utterances on one engine's pods and keeps idle connections for the next ones."""

    def __init__(self, name: str, url: str, http: ClientSession) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.ready = False
        self._pods = Pods(self.url)
        self._http = http
        self._idle: deque[EngineStream] = deque()
        self._most_idle = MAX_IDLE
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def utterance(self, start: Start) -> AsyncIterator[EngineStream]:
        """A stream that has a slot. Leaving early cancels it on the engine. Raises as EngineStream does."""
        stream = await self._begin(start)
        self._pods.running[stream.url] += 1
        try:
            yield stream
        finally:
            self._pods.running -= Counter([stream.url])  # and no place is kept for a pod that has none
            self._leave(stream)

    async def _begin(self, start: Start) -> EngineStream:
        """On the pod that has the fewest of our utterances; where it is away, full or without the voice, on another."""
        refusal: Transient = EngineUnavailable("the engine cannot be reached")
        for url in await self._pods.choose():
            try:
                return await self._begin_on(url, start)
            except Transient as error:
                refusal = error
        raise refusal

    async def _begin_on(self, url: str, start: Start) -> EngineStream:
        for idle in [stream for stream in reversed(self._idle) if stream.url == url]:
            self._idle.remove(idle)
            stream = EngineStream(idle.socket, url)
            try:
                return await self._start(stream, start)
            except EngineUnavailable:
                # One that went stale while it was idle says so at its first use; the next one, or a new one, is tried.
                if stream.finished:
                    raise
        return await self._start(await self._connect(url), start)

    async def _start(self, stream: EngineStream, start: Start) -> EngineStream:
        try:
            await stream.send(start)
            if not isinstance(await stream.receive(), Started):
                raise EngineUnavailable("the engine did not answer `started`")
        except BaseException:
            # Also where nobody wants it any more while it waits for a slot: its place in the queue is given back.
            self._leave(stream)
            raise
        return stream

    def _leave(self, stream: EngineStream) -> None:
        if stream.finished:
            self._put_back(stream)
        else:
            self._in_background(self._abandon(stream))

    async def _connect(self, url: str) -> EngineStream:
        address = url.replace("http", "ws", 1) + engine_stream.PATH
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                socket = await self._http.ws_connect(address, compress=0, max_msg_size=4 << 20, heartbeat=20)
        except WSServerHandshakeError as error:
            if error.status == 429:
                raise Busy("the engine is full", retry_after=1.0) from error
            raise EngineUnavailable(f"the engine answered {error.status}") from error
        except (ClientError, OSError, TimeoutError) as error:
            raise EngineUnavailable("the engine cannot be reached") from error
        return EngineStream(socket, url)

    async def warm(self) -> None:
        """Open one connection ahead, so that the next utterance does not wait for it."""
        self._idle = deque(stream for stream in self._idle if not stream.socket.closed)
        if not self._idle:
            for url in (await self._pods.choose())[:1]:
                self._put_back(await self._connect(url))

    async def probe(self) -> bool:
        """Whether a pod's `/health` answers 200. Asks for the pods anew."""
        return any(await asyncio.gather(*map(self._healthy, await self._pods.resolve())))

    async def _healthy(self, url: str) -> bool:
        try:
            async with self._http.get(f"{url}/health", timeout=ClientTimeout(total=CONNECT_TIMEOUT)) as answer:
                return answer.status == 200
        except (ClientError, OSError, TimeoutError):
            return False

    async def _abandon(self, stream: EngineStream) -> None:
        """Cancel on the engine; the connection is used again where it says in time that it stopped."""
        try:
            async with asyncio.timeout(CANCEL_TIMEOUT):
                await stream.send(Cancel())
                while not stream.finished:
                    await stream.receive(None)
            self._put_back(stream)
        except (TimbreError, TimeoutError):
            await stream.socket.close()

    def _put_back(self, stream: EngineStream) -> None:
        if stream.socket.closed:
            return
        self._idle.append(stream)
        if len(self._idle) > self._most_idle:
            self._in_background(_close(self._idle.popleft().socket))

    def _in_background(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close every connection; those on which something is spoken once it has ended."""
        self._most_idle = 0
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)
        while self._idle:
            await self._idle.pop().socket.close()


async def _close(socket: ClientWebSocketResponse) -> None:
    await socket.close()


def _raise(error: Error) -> NoReturn:
    kind = _ERRORS.get(error.code)
    if kind is UnknownVoice:
        raise EngineUnavailable("the engine has not loaded this voice yet")
    if kind is Busy:
        raise Busy(error.message, (error.retry_after_ms or 1000) / 1000)
    if error.code in _TRANSIENT:
        raise EngineUnavailable(error.message)
    raise InvalidInput(error.message)
