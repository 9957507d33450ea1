"""`say` and `cancel` over a WebSocket of their own, for those who reach the bridge and not its Redis."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from timbre.address import Address
from timbre.connection import dial, of_end
from timbre.errors import BridgeUnavailable, NotSpoken, of_message
from timbre.events import Cancelled
from timbre.session import Session, Wish
from timbre.speaking import Spoken, Wait
from timbre_common import protocol
from timbre_common.errors import Forbidden
from timbre_common.hlink import Message
from timbre_common.names import DEFAULT_ROOM
from timbre_common.protocol import (
    AudioDone,
    AudioStart,
    ContextCancel,
    ContextCancelled,
    Error,
    ServerMessage,
    SessionReady,
    TextSpeak,
)

ANSWER_TIMEOUT = 10.0
"""Seconds that a bridge has to answer a request."""


class SocketVoice:
    """Speaks and cancels through the bridge's WebSocket, one connection a request."""

    def __init__(self, address: Address, ca: str | None, token: str | None) -> None:
        self._address = address
        self._ca = ca
        self._token = token

    async def say(self, message: Message, wait: Wait, timeout: float) -> Spoken:  # noqa: ASYNC109 -- tells the start's from the end's
        """Ask for `message` to be said, and wait for what `wait` names. See RedisVoice.say."""
        room = message.recipient.room or DEFAULT_ROOM
        spoken = Spoken(message.agent_id, message.id)
        async with self._session(Wish(agents=[message.agent_id], rooms=[room], captions=False)) as connection:
            ready = await _ready(connection)
            if not ready.can_speak:
                raise Forbidden("the token does not allow to make agents speak; make one with --speak")
            sent_at = time.monotonic()
            await connection.send(protocol.encode(_speak(message)))
            if wait is Wait.SENT:
                return spoken
            try:
                async with asyncio.timeout(timeout):
                    spoken = await _begin(connection, spoken, sent_at)
            except TimeoutError:
                raise NotSpoken(f"no sound of {message.agent_id} within {timeout:g} s: is the engine ready?") from None
            if wait is Wait.END and spoken.reason is None:
                spoken = await _end(connection, spoken)
            return spoken

    async def cancel(self, context_id: str, played_ms: float | None) -> Cancelled:
        """Stop an utterance, and tell what was heard of it. Raises InvalidInput where it is over or unknown."""
        async with self._session(Wish(captions=False)) as connection:
            await _ready(connection)
            event_id = str(uuid4())
            await connection.send(
                protocol.encode(ContextCancel(context_id=context_id, played_ms=played_ms, event_id=event_id))
            )
            async with asyncio.timeout(ANSWER_TIMEOUT):
                async for message in _messages(connection, event_id):
                    if isinstance(message, ContextCancelled) and message.context_id == context_id:
                        return Cancelled(context_id, message.heard_ms, message.heard_text, message.estimated)
        raise BridgeUnavailable("the bridge closed the connection before it answered")

    @asynccontextmanager
    async def _session(self, wish: Wish) -> AsyncIterator[ClientConnection]:
        connection = await dial(self._address, self._ca)
        try:
            await connection.send(Session(replace(wish, token=self._token)).open())
            yield connection
        except ConnectionClosed as error:
            raise of_end(error) from error
        except TimeoutError as error:
            raise BridgeUnavailable(
                f"the bridge at {self._address.shown} does not answer within {ANSWER_TIMEOUT:.0f} s"
            ) from error
        finally:
            await connection.close()


def _speak(message: Message) -> TextSpeak:
    return TextSpeak(
        event_id=message.id,
        agent_id=message.agent_id,
        text=message.payload.spoken_text,
        room=message.recipient.room,
        emotion=message.payload.emotion,
        language=message.payload.language,
    )


async def _messages(connection: ClientConnection, event_id: str | None) -> AsyncIterator[ServerMessage]:
    """Control messages as they come; an `error` that answers `event_id` is raised."""
    while True:
        data = await connection.recv()
        message = protocol.decode_server(data) if isinstance(data, str) else None
        if isinstance(message, Error) and event_id is not None and message.event_id == event_id:
            raise of_message(message)
        if message is not None:
            yield message


async def _ready(connection: ClientConnection) -> SessionReady:
    async with asyncio.timeout(ANSWER_TIMEOUT):
        async for message in _messages(connection, None):
            if isinstance(message, SessionReady):
                return message
    raise BridgeUnavailable("the bridge closed the connection before it answered")


async def _begin(connection: ClientConnection, spoken: Spoken, sent_at: float) -> Spoken:
    """Wait for the utterance that the request became: the first that the bridge took in after we sent it."""
    others: set[str] = set()
    async for message in _messages(connection, spoken.message_id):
        elapsed = time.monotonic() - sent_at
        if isinstance(message, AudioStart):
            if message.ttfb_ms / 1000 <= elapsed:
                return replace(spoken, context_id=message.context_id, first_sound_s=elapsed)
            others.add(message.context_id)
        elif isinstance(message, AudioDone) and message.context_id not in others:
            return replace(spoken, context_id=message.context_id, reason=message.reason)
    return spoken


async def _end(connection: ClientConnection, spoken: Spoken) -> Spoken:
    async for message in _messages(connection, None):
        if isinstance(message, AudioDone) and message.context_id == spoken.context_id:
            return replace(spoken, reason=message.reason)
        if isinstance(message, ContextCancelled) and message.context_id == spoken.context_id:
            return replace(spoken, reason="cancelled", heard_text=message.heard_text, heard_ms=message.heard_ms)
    return spoken
