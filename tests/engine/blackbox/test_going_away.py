"""Clients that go away: what they held is free within 100 ms."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.engine_process import EngineProcess, house_voices
from support.engine_stream import engine_stream_of
from support.measure import least
from timbre_common.engine_stream import Cancel, End, Start, Text

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "Une phrase qui dure un certain temps. " * 20
PROMISED_S = 0.1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paced() -> AsyncIterator[EngineProcess]:
    async with EngineProcess("--slots=1", "--queue=2", "--pace=rtf=1", voices=house_voices()) as engine:
        yield engine


async def post(engine: EngineProcess, text: str = TEXT) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = engine.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({"model": "tts-1", "voice": "lisa", "input": text, "response_format": "pcm"}).encode()
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return reader, writer


async def state(engine: EngineProcess) -> tuple[float, float]:
    """(running, waiting), by a connection of its own so that asking is quick."""
    host, port = engine.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    lines = (await reader.read()).decode().splitlines()
    writer.close()
    values = dict(line.split(" ") for line in lines if line.startswith("timbre_engine_requests_") and "{" not in line)
    return float(values["timbre_engine_requests_running"]), float(values["timbre_engine_requests_waiting"])


async def until(engine: EngineProcess, wanted: tuple[float, float], within: float) -> float:
    """Seconds until the state is as wanted, counted until the last time that it was not."""
    began = time.monotonic()
    while True:
        asked = time.monotonic() - began
        if await state(engine) == wanted:
            return asked
        assert asked < within, f"still {await state(engine)}, not {wanted}"


async def test_http_while_it_speaks(paced: EngineProcess) -> None:
    async def once() -> float:
        reader, writer = await post(paced)
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2000)
        assert await state(paced) == (1, 0)
        writer.transport.abort()
        return await until(paced, (0, 0), within=20)

    assert await least(once, PROMISED_S) < PROMISED_S


async def test_http_while_it_waits(paced: EngineProcess) -> None:
    holder = await post(paced)
    await until(paced, (1, 0), within=20)

    async def once() -> float:
        _, writer = await post(paced)
        await until(paced, (1, 1), within=20)
        writer.close()
        return await until(paced, (1, 0), within=20)

    assert await least(once, PROMISED_S) < PROMISED_S
    holder[1].transport.abort()
    await until(paced, (0, 0), within=20)


@pytest.mark.parametrize("abruptly", [True, False])
async def test_stream_while_it_speaks(paced: EngineProcess, abruptly: bool) -> None:
    async def once() -> float:
        async with engine_stream_of(paced.url) as stream:
            await stream.send(Start(voice="lisa"), Text(text=TEXT), End())
            await stream.audio()
            assert await state(paced) == (1, 0)
            if abruptly:
                stream.socket.transport.abort()
            else:
                closing = asyncio.create_task(stream.socket.close())
            needed = await until(paced, (0, 0), within=20)
            if not abruptly:
                await closing
            return needed

    assert await least(once, PROMISED_S) < PROMISED_S


async def test_stream_while_it_waits(paced: EngineProcess) -> None:
    holder = await post(paced)
    await until(paced, (1, 0), within=20)

    async def once() -> float:
        async with engine_stream_of(paced.url) as stream:
            await stream.send(Start(voice="lisa"), Text(text=TEXT), End())
            await until(paced, (1, 1), within=20)
            stream.socket.transport.abort()
            return await until(paced, (1, 0), within=20)

    assert await least(once, PROMISED_S) < PROMISED_S
    holder[1].transport.abort()
    await until(paced, (0, 0), within=20)


async def test_cancel_frees_the_slot(paced: EngineProcess) -> None:
    async def once() -> float:
        async with engine_stream_of(paced.url) as stream:
            await stream.send(Start(voice="lisa"), Text(text=TEXT), End())
            await stream.audio()
            asked = time.monotonic()
            await stream.send(Cancel())
            await stream.rest()
            needed = time.monotonic() - asked
            assert await state(paced) == (0, 0)
            return needed

    assert await least(once, PROMISED_S) < PROMISED_S


async def test_who_does_not_read_is_dropped() -> None:
    async with EngineProcess("--send-timeout=0.3", "--slots=2", voices=house_voices()) as engine:
        text = "Une phrase qui dure un certain temps. " * 100
        _, writer = await post(engine, text)
        async with engine_stream_of(engine.url) as stream:
            stream.socket.transport.pause_reading()
            await stream.send(Start(voice="lisa"), Text(text=text), End())
            await until(engine, (2, 0), within=30)
            await until(engine, (0, 0), within=30)
            stream.socket.transport.abort()
        writer.transport.abort()
        assert await engine.metric('timbre_engine_requests_total{outcome="finished"}') == 0
