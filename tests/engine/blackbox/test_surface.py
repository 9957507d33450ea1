"""What can be asked of an engine, the administration, and who is turned away."""

import asyncio
import json
import urllib.request
from urllib.error import HTTPError

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from support.engine_process import EngineProcess, house_voices
from support.engine_stream import engine_stream_of
from timbre_common import engine_stream
from timbre_common.documents import Voice, VoicesDocument, VoicesStatus, VoiceState
from timbre_common.engine_stream import Start, Text
from timbre_common.voiceprofile import Adapter, Prosody
from timbre_engine.api.app import speech_app
from timbre_engine.engine import Engine
from timbre_engine.espeak.backend import EspeakBackend
from timbre_engine.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEECH = json.dumps({"model": "tts-1", "voice": "lisa", "input": "Bonjour à tous.", "response_format": "pcm"}).encode()


async def test_health_and_props(engine: EngineProcess) -> None:
    assert await engine.json("/health") == {"status": "ok"}
    props = await engine.json("/props")
    assert (props["backend"], props["total_slots"], props["sample_rate"]) == ("espeak", 4, 24000)
    assert {"fr", "en", "en-us"} <= set(props["languages"])
    assert set(props["formats"]) == {"mp3", "wav", "pcm", "opus", "flac"}


async def test_voices(engine: EngineProcess) -> None:
    listed = await engine.json("/v1/audio/voices")
    assert [voice["id"] for voice in listed["voices"]] == ["electra", "lisa", "renarde"]
    assert set(listed["aliases"].values()) == {"electra", "lisa", "renarde"}
    assert len(listed["aliases"]) == 13


async def test_slots_say_who_speaks_and_never_what(engine: EngineProcess) -> None:
    async with engine_stream_of(engine.url) as stream:
        await stream.send(Start(voice="lisa"), Text(text="Un secret bien gardé. "))
        await stream.audio()
        slots = await engine.json("/slots")
        assert len(slots) == 4
        busy = [slot for slot in slots if slot["is_processing"]]
        assert [slot["voice"] for slot in busy] == ["lisa"]
        assert busy[0]["samples"] > 0
        assert "secret" not in json.dumps(slots)


async def test_metrics(engine: EngineProcess) -> None:
    names = [
        'timbre_engine_requests_total{outcome="finished"}',
        "timbre_engine_time_to_first_byte_seconds_count",
        "timbre_engine_real_time_factor_count",
        "timbre_engine_queue_wait_seconds_count",
    ]
    before = [await engine.metric(name) for name in names]
    seconds = await engine.metric("timbre_engine_audio_seconds_total")
    status, pcm = await engine.fetch("/v1/audio/speech", "POST", SPEECH)
    assert status == 200
    assert [await engine.metric(name) for name in names] == [value + 1 for value in before]
    made = await engine.metric("timbre_engine_audio_seconds_total") - seconds
    assert made == pytest.approx(len(pcm) / 48000)
    exposition = (await engine.fetch("/metrics"))[1].decode()
    for name in ("requests_running", "requests_waiting", "adapters_loaded", "slots"):
        assert f"timbre_engine_{name} " in exposition
    assert 'le="0.8"' in exposition
    assert "lisa" not in exposition


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("GET", "/v1/audio/speech", None, 405),
        ("POST", "/v1/audio/speech", b"x" * (1 << 20), 400),
        ("POST", "/v1/audio/speech", b"\xff\x00", 400),
        ("GET", "/admin/voices", None, 404),
        ("GET", "/v1/audio/speech/stream", None, 400),
    ],
)
async def test_what_is_not_there(
    engine: EngineProcess, method: str, path: str, body: bytes | None, status: int
) -> None:
    answered, answer = await engine.fetch(path, method, body)
    assert answered == status
    assert set(json.loads(answer)["error"]) == {"message", "type", "param", "code"}


async def send(url: str, headers: dict[str, str], method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, headers, method=method)

    def answer() -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    return await asyncio.to_thread(answer)


async def test_pages_of_strangers_are_turned_away(engine: EngineProcess) -> None:
    speech = f"{engine.url}/v1/audio/speech"
    assert (await send(speech, {"Origin": "https://evil.example"}, "POST", SPEECH))[0] == 403
    assert (await send(speech, {"Origin": "http://localhost:3000"}, "POST", SPEECH))[0] == 200
    address = engine.url.replace("http", "ws", 1) + engine_stream.PATH
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, origin="https://evil.example", proxy=None):  # type: ignore[arg-type]
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer wrong", "Basic x", "bearer é"])
async def test_the_administration_wants_its_token(engine: EngineProcess, authorization: str) -> None:
    headers = {"Authorization": authorization.encode().decode("latin-1")} if authorization else {}
    for method, path in ("GET", "/admin/voices"), ("PUT", "/admin/voices"), ("GET", "/lora-adapters"):
        status, body = await send(engine.admin_url + path, headers, method, b"{}" if method == "PUT" else None)
        assert (status, json.loads(body)["error"]["code"]) == (401, "unauthorized")


async def test_the_administration_is_no_page_s_business(engine: EngineProcess) -> None:
    right = {"Authorization": f"Bearer {engine.admin_token}", "Origin": engine.admin_url}
    assert (await send(f"{engine.admin_url}/admin/voices", right))[0] == 403


async def test_adapters_and_a_broken_document(engine: EngineProcess) -> None:
    assert await engine.fetch("/lora-adapters", admin=True) == (200, b"[]")
    status, body = await engine.fetch("/admin/voices", "PUT", b'{"generation":9,"voices":[{"name":"Bad Name"}]}', True)
    assert status == 400
    assert json.loads(body)["error"]["param"] == "voices[0].name"
    assert await generation(engine) == 1


async def generation(engine: EngineProcess) -> int:
    _, body = await engine.fetch("/admin/voices", admin=True)
    return msgspec.json.decode(body, type=VoicesStatus).generation


async def test_voices_come_change_fail_and_go() -> None:
    def document(number: int, *voices: Voice) -> VoicesDocument:
        return VoicesDocument(generation=number, voices=list(voices))

    good = Voice(name="good", languages=["fr"])
    adapted = Voice(name="adapted", languages=["en"], adapter=Adapter(path="adapted.gguf"))
    bad = Voice(name="bad", languages=["fr"], prosody=Prosody(variant="nobody"))
    async with EngineProcess() as engine, engine_stream_of(engine.url) as stream:
        heard = await stream.say(Start(voice="good"), ["Bonjour."])
        assert isinstance(heard.end, engine_stream.Error)
        assert heard.end.code == "voice_not_loaded"
        status = await engine.put_voices(document(3, good, adapted, bad))
        assert {name: voice.state for name, voice in status.voices.items()} == {
            "good": VoiceState.READY,
            "adapted": VoiceState.READY,
            "bad": VoiceState.FAILED,
        }
        assert status.voices["good"].digest == good.digest
        assert "not applied" in status.voices["adapted"].reason
        assert "nobody" in status.voices["bad"].reason
        assert [status.voices[name].code for name in ("good", "adapted", "bad")] == ["", "", "invalid"]
        before = await stream.say(Start(voice="good"), ["Bonjour."])
        assert (await engine.put_voices(document(2))).voices == status.voices
        await engine.put_voices(document(4, Voice(name="good", languages=["fr"], prosody=Prosody(speed=1.5))))
        assert len((await stream.say(Start(voice="good"), ["Bonjour."])).pcm) < len(before.pcm)
        await stream.send(Start(voice="good"), Text(text="Un, "))
        first = await stream.audio()
        await engine.put_voices(document(5))
        await stream.send(Text(text="deux."), engine_stream.End())
        rest = await stream.rest()
        assert rest.end == engine_stream.Done(samples=len(first + rest.pcm) // 2, reason="finished")
        assert isinstance((await stream.say(Start(voice="good"), ["Bonjour."])).end, engine_stream.Error)


async def test_while_it_loads_it_says_so() -> None:
    engine = Engine(EspeakBackend(slots=1), queue=0)
    async with TestClient(TestServer(speech_app(engine, Settings()))) as client:
        assert (await client.get("/health")).status == 503
        assert (await client.get("/livez")).status == 200
        answer = await client.post("/v1/audio/speech", data=SPEECH)
        assert (answer.status, (await answer.json())["error"]["code"]) == (503, "engine_unavailable")
        assert answer.headers["Retry-After"] == "1"


async def test_the_house_s_voices_are_ready(engine: EngineProcess) -> None:
    async with EngineProcess() as other:
        status = await other.put_voices(house_voices())
        assert {voice.state for voice in status.voices.values()} == {VoiceState.READY}
    assert await generation(engine) == 1
