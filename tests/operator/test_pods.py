"""The client of the pods' administration, before a real engine and before servers that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from support.engine_process import EngineProcess, house_voices
from timbre_common.documents import VoicesStatus, VoiceState
from timbre_common.errors import EngineUnavailable, InvalidInput, TimbreError, TooLarge, Unauthorized
from timbre_operator import pods
from timbre_operator.pods import Pods

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_an_engine_is_told_its_voices_and_asked_for_them(session: aiohttp.ClientSession) -> None:
    async with EngineProcess("--backend=espeak") as engine:
        client = Pods(session, url=lambda _: engine.admin_url)
        wanted = house_voices(generation=3)
        told = await client.tell("10.0.0.1", ["an older token", engine.admin_token], wanted)
        assert told.generation == 3
        assert {name: each.digest for name, each in told.voices.items()} == {
            voice.name: voice.digest for voice in wanted.voices
        }
        async with asyncio.timeout(60):
            while any(each.state is not VoiceState.READY for each in told.voices.values()):
                told = await client.ask("10.0.0.1", [engine.admin_token])
        with pytest.raises(Unauthorized, match="none of the tokens"):
            await client.ask("10.0.0.1", ["an older token", "an even older one"])
        with pytest.raises(Unauthorized, match="no token"):
            await client.ask("10.0.0.1", [])


class Server:
    """An administration that answers as a handler says."""

    def __init__(self, handler: Handler) -> None:
        app = web.Application()
        app.router.add_route("*", "/admin/voices", handler)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        self.url = ""

    async def __aenter__(self) -> "Server":
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


async def hangs(_: web.Request) -> web.Response:
    await asyncio.sleep(60)
    raise AssertionError


async def trickles(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(600):
        await response.write(b" ")
        await asyncio.sleep(0.1)
    return response


async def redirects(_: web.Request) -> web.Response:
    raise web.HTTPFound("http://127.0.0.1:1/")


def says(status: int, text: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    return handler


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        (hangs, EngineUnavailable, "does not answer within 0.5 s"),
        (trickles, EngineUnavailable, "does not answer within 0.5 s"),
        (redirects, EngineUnavailable, "answers 302"),
        (says(500, "boom"), EngineUnavailable, "answers 500: boom"),
        (says(503, "loading"), EngineUnavailable, "answers 503: loading"),
        (says(400, "no document"), InvalidInput, "answers 400: no document"),
        (says(401, ""), Unauthorized, "none of the tokens"),
        (says(200, "not JSON"), EngineUnavailable, "is not understood"),
        (says(200, '{"generation": 1}'), EngineUnavailable, "voices"),
        (says(200, " " * 5000), TooLarge, "over 4096 bytes"),
        (says(500, "x" * 3000), EngineUnavailable, "answers 500: x{200}$"),
    ],
)
async def test_what_a_pod_does_wrong_is_an_error_that_says_so(
    session: aiohttp.ClientSession, handler: Handler, kind: type[TimbreError], message: str
) -> None:
    async with Server(handler) as server:
        client = Pods(session, seconds=0.5, max_answer=4096, url=lambda _: server.url)
        with pytest.raises(kind, match=message):
            await client.ask("10.0.0.1", ["token"])


async def test_nobody_at_the_address_is_an_error_too(session: aiohttp.ClientSession) -> None:
    with pytest.raises(EngineUnavailable, match="cannot be asked"):
        await Pods(session, url=lambda _: "http://127.0.0.1:1").ask("10.0.0.1", ["token"])
    with pytest.raises(EngineUnavailable, match="cannot be asked"):
        await Pods(session).ask("no address", ["token"])


async def test_a_bounded_number_of_pods_is_asked_at_once(session: aiohttp.ClientSession) -> None:
    running = most = 0
    full, go_on = asyncio.Event(), asyncio.Event()

    async def counts(_: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await go_on.wait()
        running -= 1
        return web.json_response({"generation": 0, "voices": {}})

    async with Server(counts) as server:
        client = Pods(session, most=3, url=lambda _: server.url)
        asked = [asyncio.create_task(client.ask("10.0.0.1", ["token"])) for _ in range(9)]
        async with asyncio.timeout(30):
            await full.wait()
            go_on.set()
            assert await asyncio.gather(*asked) == [VoicesStatus(generation=0, voices={})] * 9
    assert most == 3


@pytest.mark.parametrize(
    ("address", "url"), [("10.1.2.3", "http://10.1.2.3:8772"), ("fd00::1", "http://[fd00::1]:8772")]
)
def test_addresses_of_both_families(address: str, url: str) -> None:
    assert pods.fetcher_url(address) == url
