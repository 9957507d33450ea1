"""One WebSocket: a loop that reads control messages, and one that writes what the session has due."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Final

from aiohttp import WSMsgType, web

from timbre_bridge.listeners.session import Session
from timbre_bridge.recording import Recording
from timbre_bridge.server.context import Context, Refused
from timbre_bridge.server.control import Control
from timbre_bridge.tasks import cancel
from timbre_common import protocol
from timbre_common.errors import InvalidInput, TooLarge
from timbre_common.names import SUBPROTOCOL
from timbre_common.protocol import CloseCode, ErrorCode, SessionStart, UnknownType

START_TIMEOUT: Final = 5.0
CHECK_PERIOD: Final = 0.5
"""Seconds between two looks at a listener's lag and token."""
SEND_BUFFER: Final = 128 << 10
"""Bytes that the kernel holds for a listener."""
_MAX_MALFORMED: Final = 16
"""Malformed messages after which a connection is closed."""


class Listener:
    """One connection."""

    def __init__(self, context: Context, connection: web.WebSocketResponse, drop: Callable[[], None]) -> None:
        self._context = context
        self._connection = connection
        self._drop = drop
        self._wake = asyncio.Event()
        self._malformed = 0

    async def run(self) -> None:
        """Until the connection is closed by either side."""
        session: Session | None = None
        loops: set[asyncio.Task[None]] = set()
        try:
            control = await self._open()
            session = control.session
            self._context.hub.add(session, self._wake.set)
            jobs = (self._read(control), self._write(session), self._check(session))
            loops = {asyncio.create_task(job) for job in jobs}
            await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for done in [loop for loop in loops if loop.done()]:
                done.result()
        except Refused as refusal:
            await self._close(refusal)
        except ConnectionError:
            pass
        finally:
            await cancel(loops)
            if session is not None:
                self._context.hub.remove(session)

    async def _close(self, refusal: Refused) -> None:
        # A listener that does not read cannot be waited for: it gets a second, then the connection is cut.
        try:
            async with asyncio.timeout(1.0):
                await self._connection.close(code=refusal.code, message=str(refusal).encode()[:120])
        except TimeoutError:
            pass
        if refusal.code is CloseCode.TOO_SLOW:
            self._drop()

    async def _open(self) -> Control:
        try:
            message = await self._connection.receive(START_TIMEOUT)
        except TimeoutError:
            raise Refused(CloseCode.NO_START, "no session.start within 5 s") from None
        if message.type is not WSMsgType.TEXT:
            raise Refused(CloseCode.MALFORMED, "session.start is a text message")
        if len(message.data.encode()) > protocol.MAX_START_BYTES:
            raise Refused(CloseCode.TOO_LARGE, f"session.start has at most {protocol.MAX_START_BYTES} bytes")
        try:
            start = protocol.decode_client(message.data)
        except InvalidInput as error:
            raise Refused(CloseCode.MALFORMED, str(error)) from error
        if not isinstance(start, SessionStart):
            raise Refused(CloseCode.MALFORMED, "session.start comes first")
        try:
            return Control(self._context, start)
        except InvalidInput as error:
            raise Refused(CloseCode.MALFORMED, str(error)) from error

    async def _read(self, control: Control) -> None:
        session = control.session
        async for message in self._connection:
            if message.type is not WSMsgType.TEXT:
                raise Refused(CloseCode.MALFORMED, "control messages are text")
            try:
                control.handle(protocol.decode_client(message.data))
            except UnknownType as error:
                session.error(ErrorCode.UNKNOWN_TYPE, str(error), event_id=error.event_id)
            except TooLarge as error:
                raise Refused(CloseCode.TOO_LARGE, str(error)) from error
            except InvalidInput as error:
                self._malformed += 1
                if self._malformed > _MAX_MALFORMED:
                    raise Refused(CloseCode.MALFORMED, "too many malformed messages") from error
                session.error(ErrorCode.INVALID, str(error), event_id=protocol.event_id_of(message.data))
            self._wake.set()

    async def _write(self, session: Session) -> None:
        while True:
            self._wake.clear()
            now = time.monotonic()
            for data, recording, end in session.due(now):
                if isinstance(data, str):
                    await self._connection.send_str(data)
                else:
                    await self._connection.send_bytes(data)
                if recording is not None:
                    self._sent(recording, end)
            next_due = session.next_due(time.monotonic())
            try:
                async with asyncio.timeout_at(_loop_time(next_due)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _sent(self, recording: Recording, end: int) -> None:
        first = recording.first_sent
        if first is None or first.sound_at is not None:
            return
        now = time.monotonic()
        elapsed = now - recording.utterance.received_at
        floor = "waited" if recording.waited else "free"
        if first.frame_at is None:
            first.frame_at = now
            self._context.metrics.first_byte(recording.utterance.agent_id, floor, elapsed)
        if recording.first_sound is not None and end > recording.first_sound:
            first.sound_at = now
            self._context.metrics.time_to_first_sound.labels(floor).observe(elapsed)

    async def _check(self, session: Session) -> None:
        while True:
            await asyncio.sleep(CHECK_PERIOD)
            if session.expired():
                raise Refused(CloseCode.UNAUTHORIZED, "the token has expired")
            if session.overrun(time.monotonic()):
                unsent = sum(stream.unsent_frames for stream in session.streams.values())
                self._context.metrics.frames_dropped.labels("slow").inc(unsent)
                raise Refused(CloseCode.TOO_SLOW, "too slow: what was sent is not read in time")


def _loop_time(monotonic: float | None) -> float | None:
    if monotonic is None:
        return None
    return asyncio.get_running_loop().time() + monotonic - time.monotonic()


async def serve_listener(context: Context, request: web.Request) -> web.StreamResponse:
    """`/ws`. Answers 400 to a client that does not offer `timbre.v1`, 503 when there are too many."""
    offered = ",".join(request.headers.getall("Sec-WebSocket-Protocol", ())).split(",")
    if SUBPROTOCOL not in map(str.strip, offered):
        raise web.HTTPBadRequest(text=f"offer the WebSocket subprotocol {SUBPROTOCOL}\n")
    if context.hub.connections >= context.settings.max_listeners:
        raise web.HTTPServiceUnavailable(text="too many listeners\n", headers={"Retry-After": "5"})
    connection = web.WebSocketResponse(
        protocols=(SUBPROTOCOL,), compress=False, heartbeat=20, max_msg_size=1 << 20, autoclose=True
    )
    await connection.prepare(request)
    transport = request.transport
    if transport is not None and (raw := transport.get_extra_info("socket")) is not None:
        # The kernel's own buffer grows to megabytes: a listener that does not read would look well for a minute.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def drop() -> None:
        if transport is not None:
            transport.abort()

    context.hub.connections += 1
    try:
        with context.metrics.connections.track_inprogress():
            await Listener(context, connection, drop).run()
    finally:
        context.hub.connections -= 1
    return connection
