"""The official client of OpenAI, unchanged."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import openai
import pytest
import pytest_asyncio

from support.engine_process import EngineProcess, house_voices
from support.sound import decoded

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "Bonjour à tous, c'est l'été. Comment allez-vous ?"


@pytest_asyncio.fixture(loop_scope="module")
async def client(engine: EngineProcess) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{engine.url}/v1", api_key="none", max_retries=0) as client:
        yield client


async def speak(client: openai.AsyncOpenAI, **fields: Any) -> bytes:
    arguments = {"model": "tts-1", "voice": "lisa", "input": TEXT, **fields}
    return (await client.audio.speech.create(**arguments)).content


@pytest.mark.parametrize(
    ("name", "content_type", "container"),
    [
        ("mp3", "audio/mpeg", "mp3"),
        ("wav", "audio/wav", "wav"),
        ("opus", "audio/ogg", "ogg"),
        ("flac", "audio/flac", "flac"),
        ("pcm", "audio/pcm", None),
    ],
)
async def test_formats(client: openai.AsyncOpenAI, name: str, content_type: str, container: str | None) -> None:
    plain = np.frombuffer(await speak(client, response_format="pcm"), "<i2") / 32768
    arguments: dict[str, Any] = {"model": "tts-1-hd", "voice": "lisa", "input": TEXT, "response_format": name}
    async with client.audio.speech.with_streaming_response.create(**arguments) as response:
        assert response.headers["content-type"] == content_type
        assert response.headers["transfer-encoding"] == "chunked"
        data = b"".join([piece async for piece in response.iter_bytes()])
    if container is None:
        assert data == (plain * 32768).astype("<i2").tobytes()
        return
    samples, rate = decoded(data)
    assert len(samples) / rate == pytest.approx(len(plain) / 24000, abs=0.1)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(np.sqrt(np.mean(plain**2)), rel=0.15)
    if name in {"wav", "flac"}:
        assert np.array_equal(samples, plain)


async def test_mp3_is_the_default(client: openai.AsyncOpenAI) -> None:
    assert await speak(client) == await speak(client, response_format="mp3")


async def test_server_sent_events(client: openai.AsyncOpenAI) -> None:
    fields: dict[str, Any] = {"model": "gpt-4o-mini-tts", "voice": "lisa", "input": TEXT, "response_format": "pcm"}
    async with client.audio.speech.with_streaming_response.create(**fields, stream_format="sse") as response:
        assert response.headers["content-type"] == "text/event-stream"
        lines = [line async for line in response.iter_lines() if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    *deltas, done = events
    assert len(deltas) > 3
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    pcm = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert pcm == await speak(client, response_format="pcm")
    assert done["type"] == "speech.audio.done"
    usage = done["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0


async def test_models_and_voices_of_openai_speak(client: openai.AsyncOpenAI) -> None:
    listed = {model.id async for model in client.models.list()}
    assert listed == {"espeak-ng", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"}
    for model in listed:
        assert await speak(client, model=model, voice="alloy", response_format="pcm")
    voice: Any = {"id": "lisa"}
    assert await speak(client, voice=voice) == await speak(client)


async def test_speed_language_emotion_and_instructions(client: openai.AsyncOpenAI) -> None:
    plain = await speak(client, response_format="pcm")
    fast = await speak(client, response_format="pcm", speed=2.0, instructions="whisper")
    assert len(plain) / len(fast) == pytest.approx(2.0, rel=0.1)
    for fields in ({"language": "en"}, {"emotion": "sad"}):
        assert await speak(client, response_format="pcm", extra_body=fields) != plain
    assert await speak(client, response_format="pcm", extra_body={"language": "fr"}) == plain


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"input": ""}, 400, "input", "invalid_value"),
        ({"input": "..."}, 400, "input", "invalid_value"),
        ({"input": "x" * 4097}, 400, "input", "string_above_max_length"),
        ({"input": 7}, 400, "input", "invalid_value"),
        ({"response_format": "aac"}, 400, "response_format", "invalid_value"),
        ({"response_format": "ogg"}, 400, "response_format", "invalid_value"),
        ({"speed": 9}, 400, "speed", "invalid_value"),
        ({"extra_body": {"language": "klingon"}}, 400, "language", "invalid_value"),
        ({"voice": "nobody"}, 404, "voice", "voice_not_loaded"),
        ({"model": "whisper-1"}, 404, "model", "model_not_found"),
    ],
)
async def test_errors(client: openai.AsyncOpenAI, fields: dict[str, Any], status: int, param: str, code: str) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        await speak(client, **fields)
    body = refused.value.body
    assert isinstance(body, dict)
    assert (refused.value.status_code, body["param"], body["code"]) == (status, param, code)
    assert set(body) == {"message", "type", "param", "code"}


async def test_full_says_when_to_come_back() -> None:
    async with (
        EngineProcess("--slots=1", "--queue=0", "--pace=rtf=1", voices=house_voices()) as engine,
        openai.AsyncOpenAI(base_url=f"{engine.url}/v1", api_key="none", max_retries=0) as client,
    ):
        fields: dict[str, Any] = {"model": "tts-1", "voice": "lisa", "input": TEXT * 5}
        async with client.audio.speech.with_streaming_response.create(**fields) as response:
            pieces = response.iter_bytes()
            await anext(pieces)
            with pytest.raises(openai.RateLimitError) as refused:
                await speak(client)
        assert 1 <= int(refused.value.response.headers["retry-after"]) <= 30


async def test_what_is_made_is_sent_while_it_is_being_made() -> None:
    """Paced at a real model's speed: the first bytes are there long before the last."""
    loop = asyncio.get_running_loop()
    async with (
        EngineProcess("--pace=rtf=0.5,first=100ms", voices=house_voices()) as engine,
        openai.AsyncOpenAI(base_url=f"{engine.url}/v1", api_key="none", max_retries=0) as client,
    ):
        for name in ("mp3", "wav", "pcm", "opus", "flac"):
            began = loop.time()
            fields: dict[str, Any] = {"model": "tts-1", "voice": "lisa", "input": TEXT, "response_format": name}
            async with client.audio.speech.with_streaming_response.create(**fields) as response:
                arrivals = [loop.time() - began async for _ in response.iter_bytes()]
            assert len(arrivals) > 10
            assert arrivals[0] >= 0.1
            assert arrivals[0] < arrivals[-1] / 2
