"""The client's hearing against a scripted bridge: cut connections, refusals, TLS, and the synchronous face."""

import asyncio
import ssl
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from timbre import (
    Audio,
    AudioDone,
    AudioResumed,
    AudioStarted,
    BridgeUnavailable,
    Client,
    Connected,
    Disconnected,
    Event,
    Forbidden,
    InvalidInput,
    SetupError,
    SyncClient,
    Unauthorized,
)
from timbre_client.scripted import READY, ScriptedBridge, Visit
from timbre_client.test_session import caption, done, pcm, sound, start


async def until_done(client: Client) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(30), client.listen(["lisa"]) as heard:
        async for event in heard:
            events.append(event)
            if isinstance(event, AudioDone):
                break
    return events


async def whole(visit: Visit) -> None:
    await visit.send(READY, {"type": "later.than.this"}, start(), caption("Bonjour", 0), sound(0, 500), done(500))
    await visit.stay()


async def test_hears_an_utterance() -> None:
    async with ScriptedBridge(whole) as bridge, Client(bridge.url, token="t") as client:
        events = await until_done(client)
    assert [type(event).__name__ for event in events] == [
        "Connected",
        "AudioStarted",
        "CaptionEvent",
        "Audio",
        "AudioDone",
    ]
    assert bridge.starts[0]["token"] == "t" and bridge.starts[0]["agents"] == ["lisa"]


@pytest.mark.parametrize("politely", [True, False])
async def test_resumes_after_the_connection_is_lost(politely: bool) -> None:
    async def first(visit: Visit) -> None:
        await visit.send(READY, start(), sound(0, 300))
        if politely:
            await visit.send({"type": "session.going_away", "deadline_ms": 0})
            await visit.socket.close(1012)
            return
        await asyncio.sleep(0.05)
        visit.cut()

    async def second(visit: Visit) -> None:
        await visit.send(READY, start(stream=5, first_sample=300), sound(300, 200, stream=5), done(500))
        await visit.stay()

    async with ScriptedBridge(first, second) as bridge, Client(bridge.url) as client:
        events = await until_done(client)
    assert bridge.starts[1]["resume"] == [{"context_id": "c", "next_sample": 300}]
    assert b"".join(event.data for event in events if isinstance(event, Audio)) == pcm(0, 500)
    kinds = [type(event) for event in events]
    assert kinds.count(AudioStarted) == kinds.count(AudioResumed) == kinds.count(Disconnected) == 1
    assert kinds.count(Connected) == 2
    last = events[-1]
    assert isinstance(last, AudioDone) and last.complete


async def test_a_bridge_that_comes_back_late_is_found() -> None:
    async def leave(visit: Visit) -> None:
        await visit.send(READY)
        visit.cut()

    async with ScriptedBridge(leave, leave, leave, whole) as bridge, Client(bridge.url) as client:
        events = await until_done(client)
    assert sum(isinstance(event, Disconnected) for event in events) == 3


@pytest.mark.parametrize(("code", "error"), [(4401, Unauthorized), (4403, Forbidden), (4400, InvalidInput)])
async def test_refusals_are_raised(code: int, error: type[Exception]) -> None:
    async def refuse(visit: Visit) -> None:
        await visit.socket.close(code, "the token has expired")

    async with ScriptedBridge(refuse) as bridge, Client(bridge.url) as client:
        with pytest.raises(error, match="the token has expired"):
            await until_done(client)
    assert len(bridge.starts) == 1


async def test_a_token_that_expires_while_listening_ends_it() -> None:
    async def expire(visit: Visit) -> None:
        await visit.send(READY, start(), sound(0, 100))
        await visit.socket.close(4401, "the token has expired")

    async with ScriptedBridge(expire) as bridge, Client(bridge.url) as client:
        with pytest.raises(Unauthorized):
            await until_done(client)


async def test_nobody_there_is_told_at_once() -> None:
    async with Client("http://127.0.0.1:9") as client:
        with pytest.raises(BridgeUnavailable, match=r"no bridge answers at http://127\.0\.0\.1:9"):
            await until_done(client)


async def test_another_server_is_told_apart() -> None:
    async with ScriptedBridge(whole, subprotocol="chat") as bridge, Client(bridge.url) as client:
        with pytest.raises(SetupError, match=r"does not speak timbre\.v1"):
            await until_done(client)


async def test_plays_and_cancels_on_the_same_connection() -> None:
    asked = []

    async def cancelling(visit: Visit) -> None:
        await visit.send(READY, start(), sound(0, 100))
        asked.extend([await visit.receive(), await visit.receive()])
        await visit.send(
            {"type": "context.cancelled", "context_id": "c", "heard_ms": 4, "heard_text": "B", "estimated": False}
        )
        await visit.stay()

    async with ScriptedBridge(cancelling) as bridge, Client(bridge.url) as client, client.listen() as heard:
        async for event in heard:
            if isinstance(event, Audio):
                await heard.played("c", 3, buffered_ms=1)
                await heard.cancel("c", played_ms=4)
            if type(event).__name__ == "Cancelled":
                break
    assert [message["type"] for message in asked] == ["playback.update", "context.cancel"]
    assert asked[1]["played_ms"] == 4


async def test_trusts_the_authority_that_is_given_and_no_other(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with ScriptedBridge(whole, ssl=context) as bridge:
        async with Client(bridge.url, ca=str(tmp_path / "ca.pem")) as client:
            assert len(await until_done(client)) == 5
        async with Client(bridge.url) as stranger:
            with pytest.raises(SetupError, match="certificate is not trusted"):
                await until_done(stranger)


async def test_the_synchronous_client_hears_the_same() -> None:
    def hear(url: str) -> list[Event]:
        with SyncClient(url) as client, closing(client.listen(["lisa"])) as heard:
            events = []
            for event in heard:
                events.append(event)
                if isinstance(event, AudioDone):
                    return events
        return []

    async with ScriptedBridge(whole) as bridge:
        events = await asyncio.to_thread(hear, bridge.url)
    assert [event.data for event in events if isinstance(event, Audio)] == [pcm(0, 500)]


async def test_the_synchronous_client_raises_the_same() -> None:
    def hear() -> None:
        with SyncClient("http://127.0.0.1:9") as client:
            next(client.listen())

    with pytest.raises(BridgeUnavailable):
        await asyncio.to_thread(hear)
