"""Real processes for tests: start, wait for a line of the log, stop, and nothing left behind."""

import asyncio
import os
import random
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from subprocess import CompletedProcess
from types import TracebackType
from typing import Self

BIN = Path(sys.executable).parent


def free_ports(count: int) -> list[int]:
    """So many different ports on loopback that nobody listens on.

    Below those that the kernel itself gives out (Linux: from 32768 on), so that nobody is given one meanwhile.
    """
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            probe = held.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("127.0.0.1", random.randrange(10_000, 32_000)))
                ports.append(probe.getsockname()[1])
        return ports


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]


def run(command: str, *arguments: object, cwd: Path | None = None, **environment: str) -> CompletedProcess[str]:
    """What a command of the virtual environment says, and how it ends."""
    line = [str(BIN / command), *map(str, arguments)]
    return subprocess.run(line, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)


class Process:
    """A command of the virtual environment, whose log is read until it says that it is ready."""

    def __init__(self, *command: str, ready: str, env: dict[str, str] | None = None) -> None:
        self._command = command
        self._ready = re.compile(ready)
        self.env = {**os.environ, **(env or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._matched: asyncio.Future[re.Match[str]] | None = None
        self.log: list[str] = []

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> re.Match[str]:
        """Start it and wait until its log matches `ready`; the match."""
        self._process = await asyncio.create_subprocess_exec(
            str(BIN / self._command[0]),
            *self._command[1:],
            env=self.env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._matched = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())
        try:
            async with asyncio.timeout(60):
                return await self._matched
        except (TimeoutError, asyncio.CancelledError):
            os.killpg(self._process.pid, signal.SIGKILL)
            raise

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._matched is not None
        async for line in self._process.stdout:
            self.log.append(line.decode(errors="replace").rstrip())
            match = self._ready.search(self.log[-1])
            if match and not self._matched.done():
                self._matched.set_result(match)
        if not self._matched.done():
            self._matched.set_exception(AssertionError("it ended: " + "\n".join(self.log)))

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and wait; the exit status."""
        assert self._process is not None
        assert self._reading is not None
        # Not `send_signal`: it polls first, which can take the exit status of an ended process before asyncio reads it.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)
        async with asyncio.timeout(20):
            await self._process.wait()
            await self._reading
        assert self._process.returncode is not None
        return self._process.returncode

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop()
        finally:
            if self._process is not None and self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                await self._process.wait()
