"""What every candidate server shares: the frame, the paced stream, and the child process around it.

The child prints ``{"port": N}``, streams when it reads a ``start`` line, prints one JSON line of figures, and
exits when its standard input closes, so that it cannot outlive the benchmark.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import socket
import struct
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

TICK_S = 0.08
HEADER = struct.Struct("!QII")  # sent (monotonic ns), sequence, lateness of the tick (microseconds)
SAMPLES = 1920  # 80 ms of 24 kHz mono s16le
PAYLOAD_BYTES = HEADER.size + 2 * SAMPLES
LATE_S = 0.010  # a tick that begins more than this after it was due is counted as late
GRACE_S = 3.0  # how long a stream may overrun before it is cut off
HEALTH = b'{"status":"ok"}'


class Backend(ABC):
    """One candidate server, holding its connected listeners."""

    @abstractmethod
    async def start(self, sock: socket.socket) -> None:
        """Begin serving on a bound socket."""

    @abstractmethod
    async def fan_out(self, payload: bytes) -> None:
        """Send one binary message to every listener."""

    @abstractmethod
    def buffered(self) -> list[int] | None:
        """Bytes waiting in user space for each listener, or None where the library does not show them."""

    @abstractmethod
    def drop_over(self, limit: int) -> int:
        """Abort every listener with more than ``limit`` bytes waiting; return how many."""


def percentile(values: list[float], fraction: float) -> float:
    """Nearest-rank percentile; 0.0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]


def cpu_seconds() -> float:
    """CPU time of this process so far, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rss_mb() -> float:
    """Resident memory of this process in MiB (peak where the current figure is not to be had)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


async def stream(backend: Backend, seconds: float, drop_limit: int) -> dict[str, Any]:
    """Send a frame each tick, paced by the clock, and return what the server saw of it."""
    ticks = round(seconds / TICK_S)
    audio = bytes(2 * SAMPLES)
    late_ms: list[float] = []
    fan_out_ms: list[float] = []
    dropped = max_buffered = 0
    cpu_before, began = cpu_seconds(), time.monotonic()
    try:
        async with asyncio.timeout(seconds + GRACE_S):
            for sequence in range(ticks):
                due = began + sequence * TICK_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                now = time.monotonic_ns()
                lateness = max(0.0, now / 1e9 - due)
                late_ms.append(lateness * 1e3)
                if drop_limit:
                    max_buffered = max([max_buffered, *(backend.buffered() or [])])
                    dropped += backend.drop_over(drop_limit)
                await backend.fan_out(HEADER.pack(now, sequence, int(lateness * 1e6)) + audio)
                fan_out_ms.append((time.monotonic_ns() - now) / 1e6)
            await asyncio.sleep(max(0.0, began + ticks * TICK_S - time.monotonic()))
    except TimeoutError:
        print("the stream overran and was cut off", file=sys.stderr)
    wall = time.monotonic() - began
    return {
        "ticks_planned": ticks,
        "ticks_sent": len(fan_out_ms),
        "ticks_late": sum(late > LATE_S * 1e3 for late in late_ms),
        "tick_lateness_max_ms": round(max(late_ms, default=0.0), 3),
        "fan_out_p50_ms": round(percentile(fan_out_ms, 0.50), 3),
        "fan_out_p95_ms": round(percentile(fan_out_ms, 0.95), 3),
        "server_cpu_per_audio_s": round((cpu_seconds() - cpu_before) / wall, 4),
        "server_rss_mb": round(rss_mb(), 1),
        "buffer_visible": backend.buffered() is not None,
        "max_buffered_bytes": max_buffered,
        "dropped": dropped,
    }


def watch_stdin(on_line: Callable[[], None]) -> None:
    """Call ``on_line`` in the running loop for each line on stdin; end the process when stdin closes."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        for _ in sys.stdin:
            loop.call_soon_threadsafe(on_line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()


def say(figures: dict[str, Any]) -> None:
    """Print one JSON line for the parent."""
    print(json.dumps(figures), flush=True)


def run_loop(main: Coroutine[Any, Any, None], *, use_uvloop: bool) -> None:
    """Run a coroutine on asyncio's own loop, or on uvloop."""
    if use_uvloop:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
    else:
        asyncio.run(main)


async def serve(backend: Backend, options: argparse.Namespace) -> None:
    """Serve one candidate until stdin closes."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if options.sndbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.sndbuf)  # accepted sockets inherit it
    sock.bind(("127.0.0.1", 0))
    sock.listen(2048)
    sock.setblocking(False)
    await backend.start(sock)
    started = asyncio.Event()
    watch_stdin(started.set)
    say({"port": sock.getsockname()[1]})
    await started.wait()
    say(await stream(backend, options.seconds, options.drop_over))
    await asyncio.Event().wait()
