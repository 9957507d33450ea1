"""A client of the engine's WebSocket for tests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect

from timbre_common import engine_stream
from timbre_common.engine_stream import (
    ClientMessage,
    Codes,
    CodesMade,
    Done,
    End,
    Error,
    Mark,
    ServerMessage,
    Start,
    Text,
)


@dataclass
class Heard:
    """All that came of one utterance."""

    pcm: bytes = b""
    marks: list[Mark] = field(default_factory=list)
    codes: Codes = field(default_factory=list)
    first_frames: list[int] = field(default_factory=list)
    """Of each message with codes."""
    end: Done | Error | None = None

    @property
    def text(self) -> str:
        """Of the marks."""
        return "".join(mark.text for mark in self.marks)


class EngineStream:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, *messages: ClientMessage) -> None:
        """Send messages."""
        for message in messages:
            await self.socket.send(engine_stream.encode(message))

    async def receive(self, within: float = 30.0) -> ServerMessage | bytes:
        """The next message."""
        async with asyncio.timeout(within):
            data = await self.socket.recv()
        return data if isinstance(data, bytes) else engine_stream.decode_server(data)

    async def audio(self) -> bytes:
        """The next audio, whatever comes before it."""
        while not isinstance(message := await self.receive(), bytes):
            assert not isinstance(message, Done | Error), message
        return message

    async def rest(self) -> Heard:
        """All until the utterance's end."""
        heard = Heard()
        while heard.end is None:
            await self.hear(heard)
        return heard

    async def hear(self, heard: Heard) -> None:
        """The next message, added to what was heard."""
        message = await self.receive()
        if isinstance(message, bytes):
            heard.pcm += message
        elif isinstance(message, Mark):
            heard.marks.append(message)
        elif isinstance(message, CodesMade):
            heard.codes += message.codes
            heard.first_frames.append(message.first_frame)
        elif isinstance(message, Done | Error):
            heard.end = message

    async def say(self, start: Start, texts: Sequence[str]) -> Heard:
        """A whole utterance."""
        await self.send(start, *(Text(text=text) for text in texts), End())
        return await self.rest()


@asynccontextmanager
async def engine_stream_of(url: str) -> AsyncIterator[EngineStream]:
    """A connection to the engine at `url`."""
    address = url.replace("http", "ws", 1) + engine_stream.PATH
    async with connect(address, compression=None, proxy=None) as socket:
        yield EngineStream(socket)
