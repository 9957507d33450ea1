"""Time from a message on Redis to its first sound at a listener: through the bridge, and through a bare relay.

Both use the same Valkey and the same engine process, message by message in turns, and are cancelled once heard. Prints
one JSON document; milliseconds throughout.

Usage: bench_ttfb.py [--messages 200] [--pace rtf=0.9,first=97ms]
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

sys.path.append(str(Path(__file__).parents[1]))

from support.house import House, message
from support.listener import Listener
from support.process import Process
from timbre_bridge.recording import SOUND_THRESHOLD
from timbre_common.frame import Frame

LINES = [
    "Bonjour à tous, la réunion commence dans cinq minutes au salon.",
    "Le chauffage de la chambre est réglé sur dix-neuf degrés.",
    "Tu ne devineras jamais ce que j'ai entendu ce matin au marché.",
    "Three messages arrived while you were away this afternoon.",
]


def has_sound(pcm: bytes) -> bool:
    """Whether a sample is above -50 dBFS."""
    return bool((np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > SOUND_THRESHOLD).any())


async def through_bridge(house: House, listener: Listener, number: int) -> dict[str, float]:
    """Publish a message to a room of its own and cancel it once it is heard."""
    room = f"room {number}"
    published = time.monotonic()
    await house.publish(message(("lisa", "electra", "renarde")[number % 3], LINES[number % len(LINES)], room=room))
    start = await listener.next("audio.start", room=room)
    stream = start["stream_id"]

    def sounding() -> bool:
        return any(has_sound(bytes(each.payload)) for each in listener.frames[stream])

    await listener.wait_for(sounding)
    first_frame = at(listener, lambda each: isinstance(each, Frame) and each.stream_id == stream)
    first_sound = at(
        listener,
        lambda each: isinstance(each, Frame) and each.stream_id == stream and has_sound(bytes(each.payload)),
    )
    await listener.send({"type": "context.cancel", "context_id": start["context_id"]})
    await listener.next("context.cancelled", context_id=start["context_id"])
    return {
        "receipt_to_first_frame": start["ttfb_ms"],
        "publish_to_first_frame": (first_frame - published) * 1000,
        "publish_to_first_sound": (first_sound - published) * 1000,
    }


def at(listener: Listener, matches: Callable[[Any], bool]) -> float:
    """When the first message that matches came."""
    return next(when for when, each in listener.times if matches(each))


async def through_relay(house: House, socket: ClientConnection, number: int) -> dict[str, float]:
    """The same through the bare relay."""
    sent = message(("lisa", "electra", "renarde")[number % 3], LINES[number % len(LINES)])
    published = time.monotonic()
    await house.redis.publish("relay", sent.encode())
    first_frame = first_sound = 0.0
    async for data in socket:
        if data == "done":
            break
        assert isinstance(data, bytes)
        first_frame = first_frame or time.monotonic()
        if not first_sound and has_sound(data):
            first_sound = time.monotonic()
            await socket.send("cancel")
    return {
        "publish_to_first_frame": (first_frame - published) * 1000,
        "publish_to_first_sound": (first_sound - published) * 1000,
    }


def summary(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of every column."""
    columns = {key: sorted(row[key] for row in rows) for key in rows[0]}
    return {
        key: {"p50": round(statistics.median(values), 2), "p95": round(values[int(len(values) * 0.95)], 2)}
        for key, values in columns.items()
    }


async def engine_share(house: House) -> float:
    """Mean time that the engine took from the first text to its first audio, as the bridge saw it."""
    name = "timbre_bridge_engine_first_byte_seconds"
    return await house.metric(f"{name}_sum") / await house.metric(f"{name}_count") * 1000


async def run(messages: int, pace: str) -> dict[str, Any]:
    """The whole comparison."""
    async with House([f"--pace={pace}"] if pace else []) as house, house.listener() as listener:
        relay = Process(
            "python",
            str(Path(__file__).with_name("bare_relay.py")),
            house.redis_url,
            "relay",
            house.engine.url,
            ready=r"listening on (\d+)",
        )
        port = (await relay.start())[1]
        async with connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None, proxy=None) as socket:
            bridge, bare = [], []
            for number in range(messages + 10):
                bridge.append(await through_bridge(house, listener, number))
                bare.append(await through_relay(house, socket, number))
                listener.times.clear()
                await asyncio.sleep(0.02)
        await relay.stop()
        result = {"bridge": summary(bridge[10:]), "bare_relay": summary(bare[10:])}
        more = result["bridge"]["publish_to_first_sound"]["p50"] - result["bare_relay"]["publish_to_first_sound"]["p50"]
        return {
            "unit": "ms",
            "messages": messages,
            "pace": pace or "none",
            **result,
            "engine_first_byte_mean": round(await engine_share(house), 2),
            "bridge_over_bare_relay_p50": round(more, 2),
        }


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--pace", default="")
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(run(arguments.messages, arguments.pace)), indent=2))


if __name__ == "__main__":
    main()
