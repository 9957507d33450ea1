"""The least that could stand between Redis and a listener, to compare the bridge with: no routing, cleaning, floor or
frames. It speaks the messages of one channel with one engine connection and forwards the PCM as it comes.

Usage: bare_relay.py REDIS_URL CHANNEL ENGINE_URL
"""

import asyncio
import json
import sys
from typing import Any

from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve


async def relay(redis_url: str, channel: str, engine_url: str) -> None:
    """Serve until killed."""
    clients: set[ServerConnection] = set()
    cancel = asyncio.Event()

    async def client(connection: ServerConnection) -> None:
        clients.add(connection)
        async for _ in connection:
            cancel.set()

    stream = engine_url.replace("http", "ws", 1) + "/v1/audio/speech/stream"
    async with (
        serve(client, "127.0.0.1", 0, compression=None) as server,
        Redis.from_url(redis_url) as redis,
        redis.pubsub() as pubsub,
        connect(stream, compression=None, max_size=None, proxy=None) as engine,
    ):
        await pubsub.subscribe(channel)
        sys.stdout.write(f"listening on {next(iter(server.sockets)).getsockname()[1]}\n")
        sys.stdout.flush()
        async for message in pubsub.listen():
            if message["type"] != "message":
                continue
            cancel.clear()
            await _speak(json.loads(message["data"]), engine, clients, cancel)


async def _speak(message: dict[str, Any], engine: Any, clients: set[ServerConnection], cancel: asyncio.Event) -> None:
    text = message["payload"]["content"]
    for each in (
        {"type": "start", "voice": message["sender"]["agent_id"]},
        {"type": "text", "text": text},
        {"type": "end"},
    ):
        await engine.send(json.dumps(each))
    stopping = asyncio.create_task(_stop(engine, cancel))
    async for data in engine:
        if isinstance(data, bytes):
            for client in clients:
                await client.send(data)
        elif json.loads(data)["type"] in {"done", "error"}:
            break
    stopping.cancel()
    for client in clients:
        await client.send("done")


async def _stop(engine: Any, cancel: asyncio.Event) -> None:
    await cancel.wait()
    await engine.send(json.dumps({"type": "cancel"}))


if __name__ == "__main__":
    asyncio.run(relay(*sys.argv[1:]))
