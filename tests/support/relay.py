"""A TCP relay on loopback that tests cut, stall and mend: the network between two parts."""

import asyncio
import socket
from types import TracebackType


class Relay:
    """Forwards 127.0.0.1:`port` to `target` ("host:port")."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self.port = 0
        self.forwarded = 0
        """Bytes that went from the target to clients."""

    async def __aenter__(self) -> "Relay":
        await self.mend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Accept connections (again), on the same port."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse connections and break those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stall(self) -> None:
        """Keep connections open but let nothing through to clients."""
        self._open.clear()

    def flow(self) -> None:
        """Let everything through again."""
        self._open.set()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            # A small window, like a slow network's: what is stalled here is felt at the target, not buffered.
            narrow = socket.socket()
            narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
            narrow.setblocking(False)
            await asyncio.get_running_loop().sock_connect(narrow, self._target)
            upstream, to_target = await asyncio.open_connection(sock=narrow)
            self._writers.add(to_target)
            await asyncio.gather(self._pump(reader, to_target, held=False), self._pump(upstream, writer, held=True))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for each in (writer, locals().get("to_target")):
                if each is not None:
                    self._writers.discard(each)
                    each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, held: bool) -> None:
        while data := await reader.read(16_384):
            if held:
                await self._open.wait()
                self.forwarded += len(data)
            writer.write(data)
            await writer.drain()
        writer.close()
