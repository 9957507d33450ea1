"""A bridge that follows a script: each connection runs the next step of it, the last one again and again."""

import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

Step = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One connection, as the script sees it."""

    def __init__(self, socket: ServerConnection, start: dict[str, Any]) -> None:
        self.socket = socket
        self.start = start

    async def send(self, *messages: str | bytes | dict[str, Any]) -> None:
        """Send messages in order."""
        for message in messages:
            await self.socket.send(json.dumps(message) if isinstance(message, dict) else message)

    async def receive(self) -> dict[str, Any]:
        """The next message."""
        return dict(json.loads(await self.socket.recv()))

    async def stay(self) -> None:
        """Until the other side closes."""
        await self.socket.wait_closed()

    def cut(self) -> None:
        """End the connection without a word."""
        self.socket.transport.abort()


class ScriptedBridge:
    """Serves on loopback while entered."""

    def __init__(self, *steps: Step, subprotocol: str = "timbre.v1", ssl: Any = None) -> None:
        self._steps = list(steps)
        self._subprotocol = Subprotocol(subprotocol)
        self._ssl = ssl
        self._server: Server | None = None
        self.starts: list[dict[str, Any]] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._visit,
            "127.0.0.1",
            0,
            subprotocols=[self._subprotocol],
            select_subprotocol=lambda _, __: self._subprotocol,
            compression=None,
            ssl=self._ssl,
        )
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"{'https' if self._ssl else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _visit(self, socket: ServerConnection) -> None:
        assert socket.request is not None and socket.request.path == "/ws"
        start = json.loads(await socket.recv())
        self.starts.append(start)
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        await step(Visit(socket, start))


READY = {
    "type": "session.ready",
    "session_id": "s",
    "agents": [{"agent_id": "lisa", "name": "Lisa", "colour": "#27AE60", "languages": ["fr"]}],
    "rooms": ["default"],
    "encoding": "s16le",
    "can_speak": True,
    "server": "scripted",
}
