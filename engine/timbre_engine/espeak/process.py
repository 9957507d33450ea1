"""The engine's side of one espeak worker process."""

import asyncio
from contextlib import suppress
from typing import Final

import msgspec

from timbre_common.errors import EngineUnavailable, SetupError
from timbre_engine import pipe
from timbre_engine.espeak import messages
from timbre_engine.espeak.messages import FromWorker, Hello, ToWorker

_PIPE_BYTES: Final = 64 << 10
"""What is read ahead of the listener, about 1.4 s of audio."""
_GRACE_S: Final = 1.0
"""Seconds that a worker has to end by itself."""
_START_S: Final = 30.0
"""Seconds that a worker has to say hello, on a machine under load."""


class WorkerProcess:
    """A running worker. Speaks one utterance after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self.hello = Hello("", {}, [])
        self._length: int | None = None
        """Bytes of the message whose header was read already, so that a reader can be cancelled between the two."""
        self.utterances = 0
        """How many were begun; the number of the newest."""

    @classmethod
    async def start(cls) -> "WorkerProcess":
        """A worker that is ready to speak. Raises SetupError where it cannot."""
        process = await pipe.start("timbre_engine.espeak.worker", read_ahead=_PIPE_BYTES)
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_S):
                hello = await worker.receive()
            if isinstance(hello, Hello):
                worker.hello = hello
                return worker
        except (TimeoutError, EngineUnavailable):
            pass
        except BaseException:
            await worker.stop()
            raise
        await worker.stop()
        raise SetupError("the espeak worker does not start: reinstall the package espeakng-loader")

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def send(self, message: ToWorker) -> None:
        """Hand over a message; waits while the pipe is full. A dead worker shows when it is read from."""
        with suppress(ConnectionError):
            self._stdin.write(pipe.encode(message))
            await self._stdin.drain()

    def send_now(self, message: ToWorker) -> None:
        """Hand over a small message without waiting."""
        if not self._stdin.is_closing():
            self._stdin.write(pipe.encode(message))

    async def receive(self) -> FromWorker:
        """The worker's next message. Raises EngineUnavailable where it died."""
        try:
            if self._length is None:
                (self._length,) = pipe.LENGTH.unpack(await self._stdout.readexactly(pipe.LENGTH.size))
            body = await self._stdout.readexactly(self._length)
            self._length = None
            return messages.FROM_WORKER.decode(body)
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.MsgspecError) as error:
            raise EngineUnavailable("the espeak worker broke off", retry_after=1.0) from error

    async def exited(self) -> int:
        """Waits for the process's end; its exit status."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End the process, by closing its input, then by force."""
        self._stdin.close()
        try:
            async with asyncio.timeout(_GRACE_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """End the process by force, now."""
        with suppress(ProcessLookupError):
            self._process.kill()
