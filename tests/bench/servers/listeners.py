"""The common client: many cheap WebSocket listeners in one process, reading frame headers themselves.

Run as ``python -m bench.servers.listeners PORT --listeners N``. It prints a JSON line when all are
connected and another, with the latencies, when it reads a line on stdin.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import importlib.util
import os
import socket
import time
from array import array
from typing import cast

from .core import HEADER, PAYLOAD_BYTES, cpu_seconds, percentile, run_loop, say, watch_stdin

CONNECTS_AT_ONCE = 64
FRAME_HEAD = 4  # two bytes, and a 16-bit length
WHOLE_FRAME = FRAME_HEAD + PAYLOAD_BYTES


class Tally:
    """What all listeners received."""

    def __init__(self) -> None:
        self.since_sent_ns = array("q")
        self.lateness_us = array("q")
        self.lost_connections = 0

    def frame(self, data: bytes | bytearray, offset: int, now: int) -> None:
        sent, _, lateness = HEADER.unpack_from(data, offset)
        self.since_sent_ns.append(now - sent)
        self.lateness_us.append(lateness)


class Listener(asyncio.Protocol):
    """One listener: upgrades, then counts binary frames and answers pings."""

    def __init__(self, tally: Tally, ready: asyncio.Future[None], *, stalled: bool) -> None:
        self.tally = tally
        self.ready = ready
        self.stalled = stalled
        self.pending = bytearray()
        self.open = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of asyncio's
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET /listen HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        transport.write("\r\n".join(lines).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.stalled:
            self.tally.lost_connections += 1
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"closed during the handshake: {exc}"))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if self.open and not self.pending and len(data) == WHOLE_FRAME and data[0] == 0x82:
            self.tally.frame(data, FRAME_HEAD, now)
            return
        self.pending += data
        if not self.open and not self.upgrade():
            return
        while self.take_frame(now):
            pass

    def upgrade(self) -> bool:
        head, found, rest = self.pending.partition(b"\r\n\r\n")
        if not found:
            return False
        if b" 101 " not in head.split(b"\r\n", 1)[0] or b"permessage-deflate" in head.lower():
            self.ready.set_exception(ConnectionError(head.decode("latin-1")))
            return False
        self.pending, self.open = rest, True
        self.ready.set_result(None)
        if self.stalled and self.transport:
            self.transport.pause_reading()
        return True

    def take_frame(self, now: int) -> bool:
        """Consume one whole frame from what is pending, if there is one."""
        data = self.pending
        if len(data) < 2:
            return False
        opcode, length, start = data[0] & 0x0F, data[1] & 0x7F, 2
        if length == 126:
            if len(data) < FRAME_HEAD:
                return False
            length, start = int.from_bytes(data[2:4], "big"), FRAME_HEAD
        if len(data) < start + length:
            return False
        if opcode == 2 and length == PAYLOAD_BYTES:
            self.tally.frame(data, start, now)
        elif opcode == 9 and self.transport:  # ping: a pong with a mask of zeros leaves the payload as it is
            self.transport.write(bytes([0x8A, 0x80 | length, 0, 0, 0, 0]) + bytes(data[start : start + length]))
        del data[: start + length]
        return True


async def connect_all(tally: Tally, port: int, listeners: int, stalled: int) -> None:
    """Open every connection, a bounded number at a time."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(CONNECTS_AT_ONCE)

    async def connect(stall: bool) -> None:
        async with gate:
            ready: asyncio.Future[None] = loop.create_future()
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            if stall:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", port))
            await loop.create_connection(lambda: Listener(tally, ready, stalled=stall), sock=sock)
            await ready

    async with asyncio.timeout(30):
        await asyncio.gather(*(connect(number < stalled) for number in range(listeners + stalled)))


async def listen(options: argparse.Namespace) -> None:
    tally = Tally()
    finish = asyncio.Event()
    watch_stdin(finish.set)
    began = time.monotonic()
    await connect_all(tally, options.port, options.listeners, options.stalled)
    say({"connect_s": round(time.monotonic() - began, 3)})
    cpu_before, began = cpu_seconds(), time.monotonic()
    await finish.wait()
    wall = time.monotonic() - began
    sent = [ns / 1e6 for ns in tally.since_sent_ns]
    due = [ns / 1e6 + us / 1e3 for ns, us in zip(tally.since_sent_ns, tally.lateness_us, strict=True)]
    figures: dict[str, float] = {"frames_delivered": len(sent), "lost_connections": tally.lost_connections}
    figures["client_cpu_per_audio_s"] = round((cpu_seconds() - cpu_before) / wall, 4)
    for name, values in (("latency", sent), ("since_due", due)):
        for rank in (50, 95, 99):
            figures[f"{name}_p{rank}_ms"] = round(percentile(values, rank / 100), 3)
    say(figures)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--stalled", type=int, default=0)
    run_loop(listen(parser.parse_args()), use_uvloop=importlib.util.find_spec("uvloop") is not None)


if __name__ == "__main__":
    main()
