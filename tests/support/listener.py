"""A listener for tests: raw timbre.v1 on a WebSocket, recording all that it is sent."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from timbre_common import frame
from timbre_common.frame import Frame

Json = dict[str, Any]


class Listener:
    """Connects, says session.start, and keeps every message with the time when it came."""

    def __init__(self, url: str, **start: Any) -> None:
        self._url = url.replace("http", "ws", 1) + "/ws"
        self._start = {"type": "session.start", "captions": True, **start}
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self.messages: list[Json] = []
        self.frames: dict[int, list[Frame]] = defaultdict(list)
        self.times: list[tuple[float, Json | Frame]] = []
        self.close_code: int | None = None

    async def __aenter__(self) -> Self:
        self._socket = await connect(self._url, subprotocols=["timbre.v1"], compression=None, max_size=None, proxy=None)  # type: ignore[list-item]
        await self.send(self._start)
        self._reading = asyncio.create_task(self._read(self._socket))
        await self.wait_for(lambda: bool(self.of("session.ready")) or self.close_code is not None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._socket is not None
        assert self._reading is not None
        await self._socket.close()
        await self._reading

    async def send(self, message: Json) -> None:
        """Send a control message."""
        assert self._socket is not None
        await self._socket.send(json.dumps(message))

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for data in socket:
                message: Json | Frame
                if isinstance(data, str):
                    message = json.loads(data)
                    assert isinstance(message, dict)
                    self.messages.append(message)
                else:
                    decoded = frame.decode(data)
                    assert decoded is not None
                    message = decoded
                    self.frames[decoded.stream_id].append(decoded)
                self.times.append((time.monotonic(), message))
                async with self._changed:
                    self._changed.notify_all()
        except ConnectionClosed:
            pass
        finally:
            self.close_code = socket.close_code
            async with self._changed:
                self._changed.notify_all()

    def of(self, kind: str, **fields: Any) -> list[Json]:
        """Messages of a type with these fields."""
        return [
            each
            for each in self.messages
            if each["type"] == kind and all(each.get(key) == value for key, value in fields.items())
        ]

    async def wait_for(self, condition: Callable[[], bool], within: float = 20.0) -> None:
        """Until the condition holds. Raises TimeoutError."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(condition)

    async def next(self, kind: str, within: float = 20.0, **fields: Any) -> Json:
        """The first message of a type with these fields, now or when it comes."""
        await self.wait_for(lambda: bool(self.of(kind, **fields)), within)
        return self.of(kind, **fields)[0]

    def heard(self, context_id: str) -> tuple[int, bytes]:
        """(first sample, PCM) of a context's stream; asserts that its frames are contiguous."""
        start = self.of("audio.start", context_id=context_id)[-1]
        frames = self.frames[start["stream_id"]]
        position = start["first_sample"]
        for each in frames:
            assert each.first_sample == position
            position += each.n_samples
        return start["first_sample"], b"".join(bytes(each.payload) for each in frames)

    def spoken(self, context_id: str) -> str:
        """The captions of a context, joined."""
        return "".join(each["text"] for each in self.of("caption", context_id=context_id))
