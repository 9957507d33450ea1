"""The bridge's side of an engine's stream, against an engine that says what the test wants."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web

from timbre_bridge.engines.client import EngineClient
from timbre_common.engine_stream import PATH, Start


class SilentEngine:
    """Takes connections and messages, and never answers: an engine whose queue is long."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            self.asked.set()
        self.left.set()
        return socket


@pytest_asyncio.fixture
async def silent() -> AsyncIterator[tuple[SilentEngine, EngineClient]]:
    engine, app = SilentEngine(), web.Application()
    app.router.add_get(PATH, engine.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with ClientSession() as http:
            host, port = runner.addresses[0][:2]
            client = EngineClient("default", f"http://{host}:{port}", http)
            yield engine, client
            await client.close()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("warm", [False, True])
async def test_who_gives_up_before_the_engine_answered_leaves_its_queue(
    silent: tuple[SilentEngine, EngineClient], warm: bool
) -> None:
    engine, client = silent
    if warm:
        await client.warm()

    async def speak() -> None:
        async with client.utterance(Start(voice="lisa")):
            raise AssertionError("the engine never said `started`")

    speaking = asyncio.create_task(speak())
    async with asyncio.timeout(20):
        await engine.asked.wait()
        speaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speaking
        await engine.left.wait()
