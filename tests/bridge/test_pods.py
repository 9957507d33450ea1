"""An engine of several pods behind one name: who is tried, and who else where a pod refuses."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web

from support.waiting import until
from timbre_bridge.engines.client import EngineClient
from timbre_bridge.engines.pods import Pods, by_load
from timbre_common import engine_stream
from timbre_common.engine_stream import PATH, Done, Error, ServerMessage, Start, Started
from timbre_common.errors import Busy, EngineUnavailable

NOT_LOADED = Error(code="voice_not_loaded", message="voice 'lisa' is not loaded")
FULL = Error(code="queue_full", message="the queue is full", retry_after_ms=1000)


class Pod:
    """An engine that answers each `start` as the test says, and says `done` to whatever follows."""

    def __init__(self) -> None:
        self.answer: ServerMessage = Started()
        self.asked = 0

    async def start(self, address: str, port: int) -> int:
        app = web.Application()
        app.router.add_get(PATH, self._speak)
        app.router.add_get("/health", self._health)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        self.runner = runner
        await web.TCPSite(runner, address, port).start()
        return int(runner.addresses[0][1])

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _speak(self, request: web.Request) -> web.WebSocketResponse:
        wire = web.WebSocketResponse()
        await wire.prepare(request)
        async for message in wire:
            if isinstance(engine_stream.decode_client(message.data), Start):
                self.asked += 1
                await wire.send_str(engine_stream.encode(self.answer))
            else:
                await wire.send_str(engine_stream.encode(Done(samples=0, reason="cancelled")))
        return wire


class Name:
    """What the name `speech` resolves to."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.error: int | None = None
        self.others = asyncio.get_running_loop().getaddrinfo

    async def getaddrinfo(self, host: str, port: int, **options: Any) -> list[Any]:
        if host != "speech":
            return await self.others(host, port, **options)
        if self.error is not None or not self.addresses:
            raise socket.gaierror(self.error or socket.EAI_NONAME, "")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]


@pytest.fixture
async def name(monkeypatch: pytest.MonkeyPatch) -> Name:
    name = Name()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", name.getaddrinfo)
    return name


@pytest_asyncio.fixture
async def pods(name: Name) -> AsyncIterator[tuple[EngineClient, Pod, Pod]]:
    """Two pods; the first one is tried first until it has more to do."""
    one, two = Pod(), Pod()
    port = await one.start("127.0.0.1", 0)
    await two.start("127.0.0.2", port)
    name.addresses = ["127.0.0.1", "127.0.0.2"]
    async with ClientSession() as http:
        client = EngineClient("default", f"http://speech:{port}", http)
        client._pods._known = [f"http://127.0.0.1:{port}", f"http://127.0.0.2:{port}"]
        yield client, one, two
        await client.close()
    await one.runner.cleanup()
    await two.runner.cleanup()


async def test_a_voice_that_one_pod_has_not_loaded_is_asked_of_another(pods: tuple[EngineClient, Pod, Pod]) -> None:
    client, one, two = pods
    one.answer = NOT_LOADED
    async with client.utterance(Start(voice="lisa")) as stream:
        assert "127.0.0.2" in stream.url
    assert (one.asked, two.asked) == (1, 1)


async def test_a_full_pod_is_passed_over_and_only_all_of_them_are_busy(pods: tuple[EngineClient, Pod, Pod]) -> None:
    client, one, two = pods
    one.answer = FULL
    async with client.utterance(Start(voice="lisa")) as stream:
        assert "127.0.0.2" in stream.url
    two.answer = FULL
    with pytest.raises(Busy) as refused:
        async with client.utterance(Start(voice="lisa")):
            pass
    assert refused.value.retry_after == 1.0


async def test_where_no_pod_has_the_voice_it_may_come_later(pods: tuple[EngineClient, Pod, Pod]) -> None:
    client, one, two = pods
    one.answer = two.answer = NOT_LOADED
    with pytest.raises(EngineUnavailable, match="not loaded this voice yet"):
        async with client.utterance(Start(voice="lisa")):
            pass


async def test_utterances_at_once_are_spread_over_the_pods(pods: tuple[EngineClient, Pod, Pod]) -> None:
    client, one, two = pods
    start = Start(voice="lisa")
    async with client.utterance(start), client.utterance(start), client.utterance(start), client.utterance(start):
        assert (one.asked, two.asked) == (2, 2)
    async with client.utterance(start) as again:
        assert "127.0.0.1" in again.url
    assert not client._pods.running, "pods come and go, and none of them is remembered"


async def test_a_pod_that_went_away_is_passed_over(pods: tuple[EngineClient, Pod, Pod], name: Name) -> None:
    client, one, _ = pods
    async with client.utterance(Start(voice="lisa")) as stream:
        assert "127.0.0.1" in stream.url
    await one.runner.cleanup()
    async with client.utterance(Start(voice="lisa")) as stream:
        assert "127.0.0.2" in stream.url
    assert await client.probe()
    name.addresses = []
    assert not await client.probe()
    with pytest.raises(EngineUnavailable):
        async with client.utterance(Start(voice="lisa")):
            pass


async def test_an_utterance_that_outlasts_the_route_to_its_engine_leaves_no_connection(
    pods: tuple[EngineClient, Pod, Pod],
) -> None:
    client, _, _ = pods
    async with client.utterance(Start(voice="lisa")) as stream:
        await client.close()
        assert not stream.socket.closed
    await until(lambda: stream.socket.closed)


async def test_a_connection_that_broke_while_it_was_idle_is_replaced_ahead(pods: tuple[EngineClient, Pod, Pod]) -> None:
    client, _, _ = pods
    await client.warm()
    broken = client._idle[0]
    await broken.socket.close()
    await client.warm()
    assert [stream.socket.closed for stream in client._idle] == [False]


def test_by_load() -> None:
    assert by_load(["a", "b", "c"], Counter(a=2, b=1)) == ["c", "b", "a"]
    assert by_load(["b", "a"], Counter()) == ["b", "a"]


async def test_addresses_stay_known_while_names_cannot_be_asked_for(name: Name) -> None:
    pods = Pods("http://speech:8770/base")
    assert await pods.choose() == []
    name.addresses = ["10.0.0.1", "::1"]
    assert sorted(await pods.choose()) == ["http://10.0.0.1:8770/base", "http://[::1]:8770/base"]
    name.error = socket.EAI_AGAIN
    assert len(await pods.resolve()) == 2
    name.error = socket.EAI_NONAME
    assert await pods.resolve() == []


async def test_a_certificate_is_for_the_name(name: Name) -> None:
    assert await Pods("https://speech:8770").choose() == ["https://speech:8770"]
