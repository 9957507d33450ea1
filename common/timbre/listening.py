"""Hearing: an iterator of events that outlives its connections.

Nothing is queued here: an event is read from the socket when it is asked for, so a listener that falls behind is held
back by TCP, told and dropped by the bridge, and goes on where it was.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from timbre.address import Address
from timbre.connection import dial, of_end
from timbre.errors import BridgeUnavailable
from timbre.events import Connected, Disconnected, Event
from timbre.session import Session, Wish
from timbre_common import protocol
from timbre_common.backoff import Backoff
from timbre_common.protocol import ClientMessage, ContextCancel, PlaybackUpdate


class Listening:
    """What agents say, from `Client.listen`: iterate over it, and close it, or use it as a context manager.

    The first connection has to succeed (BridgeUnavailable otherwise); a later one that is lost is made again with
    jittered backoff, for as long as it takes, and told by Disconnected and Connected. Errors that a new connection
    does not cure (Unauthorized, Forbidden, …) are raised. Entered as a context manager, it hears all that is said
    from then on.
    """

    def __init__(self, address: Address, ca: str | None, wish: Wish, backoff: Backoff | None = None) -> None:
        self._address = address
        self._ca = ca
        self._session = Session(wish)
        self._backoff = backoff or Backoff(first=0.5, floor=0.2)
        self._connection: ClientConnection | None = None
        self._events: deque[Event] = deque()
        self._retry_in: float | None = None
        self._met = False
        self._closed = False

    async def __aenter__(self) -> Self:
        try:
            while not (self._met or self._closed):
                await self._step()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            await self._step()
        return self._events.popleft()

    async def cancel(self, context_id: str, played_ms: float | None = None) -> None:
        """Barge-in: stop an utterance of which `played_ms` were heard. The event Cancelled follows."""
        await self._send(ContextCancel(context_id=context_id, played_ms=played_ms))

    async def played(
        self,
        context_id: str,
        played_ms: float,
        buffered_ms: float = 0,
        first_audio_ms: float | None = None,
        underruns: int | None = None,
    ) -> None:
        """Say how far an utterance was played, about twice a second; a player that never does counts as real time."""
        await self._send(
            PlaybackUpdate(
                context_id=context_id,
                played_ms=played_ms,
                buffered_ms=buffered_ms,
                first_audio_ms=first_audio_ms,
                underruns=underruns,
            )
        )

    async def close(self) -> None:
        """Stop hearing. Idempotent."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _step(self) -> None:
        """Do the next thing that may bring events: wait, connect, or read one message."""
        try:
            if self._retry_in is not None:
                await asyncio.sleep(self._retry_in)
            if self._connection is None:
                await self._connect()
            await self._read()
        except BridgeUnavailable as error:
            if not self._met:
                raise
            self._lost(str(error))

    async def _connect(self) -> None:
        connection = await dial(self._address, self._ca)
        try:
            await connection.send(self._session.open())
        except ConnectionClosed as error:
            raise of_end(error) from error
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        self._retry_in = None

    async def _read(self) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            events = self._session.receive(await connection.recv())
        except ConnectionClosed as error:
            if self._closed:
                return
            raise of_end(error) from error
        if any(isinstance(event, Connected) for event in events):
            self._met = True
            self._backoff.reset()
        self._events.extend(events)

    def _lost(self, reason: str) -> None:
        self._connection = None
        self._retry_in = self._backoff.next()
        self._events.append(Disconnected(reason, self._retry_in))

    async def _send(self, message: ClientMessage) -> None:
        if self._connection is None:
            raise BridgeUnavailable("not connected just now; wait for the event Connected")
        try:
            await self._connection.send(protocol.encode(message))
        except ConnectionClosed as error:
            raise of_end(error) from error
