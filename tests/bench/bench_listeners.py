"""One utterance at a real model's pace to many listeners of the real bridge: what is delivered, when, at what cost.

Prints one JSON document. Usage: bench_listeners.py [--listeners 1000]
"""

import argparse
import asyncio
import base64
import json
import os
import statistics
import sys
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

sys.path.append(str(Path(__file__).parents[1]))

from support.house import House, message

TEXT = "Voici une phrase assez longue pour que mille personnes l'entendent en même temps, du début à la fin. " * 2
START = json.dumps({"type": "session.start", "captions": False}).encode()


async def listen(port: int, ready: asyncio.Semaphore) -> tuple[float, int]:
    """One listener, as cheap as can be: (when the first audio came, samples until the last frame)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: timbre.v1\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    # A mask of zeros leaves the payload as it is.
    writer.write(bytes([0x81, 0x80 | len(START)]) + bytes(4) + START)
    first, samples = 0.0, 0
    while True:
        opcode, length = await reader.readexactly(2)
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2), "big")
        payload = await reader.readexactly(length)
        if opcode & 0xF == 1 and b"session.ready" in payload:
            ready.release()
        if opcode & 0xF == 2:
            first = first or time.monotonic()
            samples += int.from_bytes(payload[12:14], "little")
            if payload[3] & 2:
                writer.close()
                return first, samples


async def crowd(port: int, listeners: int, pipe: Connection) -> None:
    """All listeners; tells when they are ready, then what they heard."""
    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(listen(port, ready)) for _ in range(listeners)]
    for _ in range(listeners):
        await ready.acquire()
    pipe.send("ready")
    pipe.send(await asyncio.gather(*tasks))


def crowd_process(port: int, listeners: int, pipe: Connection) -> None:
    """The process in which they live."""
    asyncio.run(crowd(port, listeners, pipe))


async def run(listeners: int) -> dict[str, Any]:
    """Connect, speak, compare."""
    async with House(["--pace=rtf=0.9,first=100ms"]) as house:
        ours, theirs = get_context("spawn").Pipe()
        port = int(house.url.rpartition(":")[2])
        crowd_at = get_context("spawn").Process(target=crowd_process, args=(port, listeners, theirs))
        crowd_at.start()
        await asyncio.to_thread(ours.recv)
        bridge = psutil.Process(house.bridge.pid)
        before = bridge.cpu_times()
        said = message("lisa", TEXT)
        published = time.monotonic()
        await house.publish(said)
        heard = await asyncio.to_thread(ours.recv)
        after = bridge.cpu_times()
        crowd_at.join()
        firsts = sorted((first - published) * 1000 for first, _ in heard)
        seconds = max(samples for _, samples in heard) / 24_000
        cpu = after.user + after.system - before.user - before.system
        return {
            "listeners": listeners,
            "audio_seconds": round(seconds, 2),
            "heard_everything": sum(samples == heard[0][1] for _, samples in heard),
            "publish_to_first_frame_ms": {
                "p50": round(statistics.median(firsts), 1),
                "p95": round(firsts[int(len(firsts) * 0.95)], 1),
                "last": round(firsts[-1], 1),
            },
            "bridge_cpu_seconds_per_audio_second": round(cpu / seconds, 3),
            "bridge_rss_mb": round(bridge.memory_info().rss / 1e6),
        }


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, default=1_000)
    print(json.dumps(asyncio.run(run(parser.parse_args().listeners)), indent=2))


if __name__ == "__main__":
    main()
