"""One measured run: a server child, a client child, and a light HTTP probe from this process."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from .core import GRACE_S, HEALTH, percentile

TESTS = Path(__file__).resolve().parents[2]
PROBES_PER_S = 20
PROBE_TIMEOUT_S = 5.0
STALL_LIMIT = 32 * 1024  # below asyncio's 64 KiB high-water mark, so that a send never has to wait


class Child:
    """A child process that speaks JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def told(self, within: float) -> dict[str, Any]:
        assert self.process.stdout
        line = await asyncio.wait_for(self.process.stdout.readline(), within)
        if not line:
            raise RuntimeError("a benchmark process ended early")
        figures: dict[str, Any] = json.loads(line)
        return figures

    async def nudge(self) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"\n")
        await self.process.stdin.drain()


@asynccontextmanager
async def child(module: str, *arguments: str) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"bench.servers.{module}",
        *arguments,
        cwd=TESTS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Child(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def probe_once(port: int) -> float:
    """Milliseconds for one ``GET /healthz`` on its own connection."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
    finally:
        writer.close()
    if b" 200 " not in answer.split(b"\r\n", 1)[0] or not answer.endswith(HEALTH):
        raise RuntimeError(f"/healthz answered {answer[:80]!r}")
    return (time.monotonic() - began) * 1e3


async def probe(port: int, seconds: float) -> dict[str, Any]:
    """Ask ``/healthz`` at a steady rate while the stream runs."""
    times: list[float] = []
    failed = 0

    async def ask() -> None:
        nonlocal failed
        try:
            times.append(await asyncio.wait_for(probe_once(port), PROBE_TIMEOUT_S))
        except (OSError, TimeoutError, RuntimeError):
            failed += 1

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds * PROBES_PER_S)):
            await asyncio.sleep(max(0.0, began + number / PROBES_PER_S - time.monotonic()))
            group.create_task(ask())
    return {
        "healthz_per_s": round(len(times) / (time.monotonic() - began), 2),
        "healthz_failed": failed,
        "healthz_p50_ms": round(percentile(times, 0.50), 3),
        "healthz_p95_ms": round(percentile(times, 0.95), 3),
    }


async def run_once(name: str, listeners: int, seconds: float, *, stalled: int = 0) -> dict[str, Any]:
    """Start a server and its listeners, stream, and return one flat set of figures.

    With ``stalled`` listeners that never read, socket buffers are small and the server drops whoever has more than
    ``STALL_LIMIT`` bytes waiting, if its library shows it.
    """
    options = ["--seconds", str(seconds)]
    if stalled:
        options += ["--sndbuf", "16384", "--drop-over", str(STALL_LIMIT)]
    async with child("backends", name, *options) as server:
        port = (await server.told(30))["port"]
        crowd = ["--listeners", str(listeners), "--stalled", str(stalled)]
        async with child("listeners", str(port), *crowd) as client:
            figures = await client.told(90)
            await server.nudge()
            seen, health = await asyncio.gather(server.told(seconds + GRACE_S + 30), probe(port, seconds))
            await asyncio.sleep(0.5)  # let the last frames arrive
            await client.nudge()
            figures |= seen | health | await client.told(60)
    figures["frames_expected"] = figures["ticks_planned"] * listeners
    return figures
