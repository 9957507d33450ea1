"""The speech model as its users hear it: the real process, a tiny checkpoint."""

import base64
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import numpy as np
import openai
import pytest
import pytest_asyncio

from support.engine_process import EngineProcess
from support.engine_stream import engine_stream_of
from support.sound import decoded, longest_silence, samples
from timbre_common.documents import Voice, VoicesDocument, VoiceState
from timbre_common.engine_stream import Continue, Done, Error, Start
from timbre_common.voiceprofile import Prosody, Sampling, Style

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "Bonjour."
FRAME = 1920
WITHIN = 4
"""1e-4 of the loudest, as s16le: other cuttings into codec calls add up floats in another order."""


@pytest_asyncio.fixture(loop_scope="module")
async def client(qwen3tts: EngineProcess) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{qwen3tts.url}/v1", api_key="none", max_retries=0) as client:
        yield client


async def speak(client: openai.AsyncOpenAI, **fields: Any) -> bytes:
    arguments = {"model": "tts-1", "voice": "lisa", "input": TEXT, "response_format": "pcm", **fields}
    return (await client.audio.speech.create(**arguments)).content


async def test_formats(client: openai.AsyncOpenAI) -> None:
    plain = samples(await speak(client)) / 32768
    assert len(plain) % FRAME == 0
    for name in ("mp3", "wav", "opus", "flac"):
        heard, rate = decoded(await speak(client, response_format=name))
        assert len(heard) / rate == pytest.approx(len(plain) / 24000, abs=0.1)
        if name in {"wav", "flac"}:
            assert np.array_equal(heard, plain)


async def test_server_sent_events(client: openai.AsyncOpenAI) -> None:
    fields: dict[str, Any] = {"model": "tts-1", "voice": "lisa", "input": TEXT, "response_format": "pcm"}
    async with client.audio.speech.with_streaming_response.create(**fields, stream_format="sse") as response:
        events = [json.loads(line.removeprefix("data: ")) async for line in response.iter_lines() if line]
    *deltas, done = events
    assert b"".join(base64.b64decode(delta["audio"]) for delta in deltas) == await speak(client)
    assert done["usage"]["output_tokens"] == len(await speak(client)) // 2 // FRAME


async def test_the_first_sound_leaves_while_the_rest_is_being_made(
    qwen3tts: EngineProcess, client: openai.AsyncOpenAI
) -> None:
    fields: dict[str, Any] = {"model": "checkpoint", "voice": "lisa", "input": TEXT * 3, "response_format": "pcm"}
    async with client.audio.speech.with_streaming_response.create(**fields) as response:
        pieces = response.iter_bytes()
        await anext(pieces)
        assert await qwen3tts.processing() == 1
        assert len([piece async for piece in pieces]) > 10


async def test_marks_and_codes(qwen3tts: EngineProcess) -> None:
    async with engine_stream_of(qwen3tts.url) as stream:
        heard = await stream.say(Start(voice="lisa", return_codes=True), ["  Bon", "jour à tou", "s ! "])
    frames = [frame for frame in heard.codes if frame]
    assert heard.text == "  Bonjour à tous ! "
    assert all(one.end_ms == two.start_ms for one, two in pairwise(heard.marks))
    assert heard.end == Done(samples=len(frames) * FRAME, reason="finished")
    assert len(heard.pcm) == 2 * len(frames) * FRAME
    assert heard.codes[-1] == []
    assert heard.first_frames[:4] == [0, 1, 2, 3]
    assert {len(frame) for frame in frames} == {16}


@pytest.mark.parametrize(("text", "made"), [("Bonjour.", 1), ("Bonjour.", 20), ("A. [pause:0.5s] B.", 40)])
async def test_another_goes_on_where_one_stopped(qwen3tts: EngineProcess, text: str, made: int) -> None:
    async with engine_stream_of(qwen3tts.url) as stream:
        whole = await stream.say(Start(voice="lisa", return_codes=True), [text])
        first = whole.codes[:made]
        go_on = Start(voice="lisa", return_codes=True, continue_=Continue(codes=first))
        rest = await stream.say(go_on, [text[:3], text[3:]])
    assert rest.codes == whole.codes[made:]
    assert rest.first_frames[0] == sum(map(bool, first))
    assert np.abs(samples(rest.pcm) - samples(whole.pcm)[-len(rest.pcm) // 2 :]).max() <= WITHIN
    assert len(rest.pcm) == sum(map(bool, rest.codes)) * FRAME * 2


async def test_speed_changes_the_duration(client: openai.AsyncOpenAI) -> None:
    plain = len(await speak(client))
    for speed in (0.3, 0.8, 1.25, 3.0):
        assert len(await speak(client, speed=speed)) == pytest.approx(plain / speed, rel=0.03)


async def test_a_pause_is_silence(client: openai.AsyncOpenAI) -> None:
    assert longest_silence(await speak(client, input="A. [pause:0.5s] B.")) == 12_000


async def test_a_style_is_speed_and_loudness(qwen3tts: EngineProcess, client: openai.AsyncOpenAI) -> None:
    styles = {"sad": Style(speed=0.8, gain=-6.0), "calm": Style()}
    sampling = Sampling(temperature=0)
    lisa, vivian = (
        Voice(name=name, languages=["fr"], speaker="vivian", sampling=sampling, prosody=Prosody(styles=styles, pitch=2))
        for name in ("louise", "vivian")
    )
    status = await qwen3tts.put_voices(VoicesDocument(generation=2, voices=[lisa, vivian]))
    assert "pitch is not applied" in status.voices["louise"].reason
    calm, sad, unknown = [
        samples(await speak(client, voice="louise", extra_body={"emotion": emotion}))
        for emotion in ("calm", "sad", "bored")
    ]
    assert np.array_equal(calm, unknown)
    assert len(sad) == pytest.approx(len(calm) / 0.8, rel=0.03)
    assert np.sqrt(np.mean(sad**2.0)) == pytest.approx(np.sqrt(np.mean(calm**2.0)) / 2, rel=0.1)


async def test_a_seed_repeats_a_stream_and_another_does_not(
    qwen3tts: EngineProcess, client: openai.AsyncOpenAI
) -> None:
    chance = Voice(name="ryan", languages=["und"], speaker="Ryan", sampling=Sampling(temperature=0.9))
    assert (await qwen3tts.put_voices(VoicesDocument(generation=3, voices=[chance]))).voices["ryan"].reason == ""
    first, again, other, unseeded = [
        await speak(client, voice="ryan", input="Oui.", extra_body=fields)
        for fields in ({"seed": 7}, {"seed": 7}, {"seed": 8}, {})
    ]
    assert first == again
    assert len({first, other, unseeded}) == 3
    assert first != await speak(client, voice="ryan", input="Oui.", extra_body={"seed": 7, "language": "fr"})


async def test_instructions_are_followed(qwen3tts: EngineProcess, client: openai.AsyncOpenAI) -> None:
    vivian = Voice(name="vivian", languages=["fr"], speaker="vivian", sampling=Sampling(temperature=0))
    await qwen3tts.put_voices(VoicesDocument(generation=4, voices=[vivian]))
    plain, whispered = [
        await speak(client, voice="vivian", input="Oui.", instructions=instructions)
        for instructions in ("", "Whisper.")
    ]
    assert plain != whispered


async def test_what_it_does_not_speak_is_refused(qwen3tts: EngineProcess, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await speak(client, voice="vivian", extra_body={"language": "eo"})
    assert isinstance(refused.value.body, dict)
    assert (refused.value.body["param"], refused.value.body["code"]) == ("language", "invalid_value")
    strangers = [
        Voice(name="bob", languages=["fr"], speaker="bob"),
        Voice(name="eo", languages=["eo"]),
        Voice(name="both", languages=["eo", "fr"]),
    ]
    voices = (await qwen3tts.put_voices(VoicesDocument(generation=5, voices=strangers))).voices
    assert {name: voice.state for name, voice in voices.items()} == {
        "bob": VoiceState.FAILED,
        "eo": VoiceState.FAILED,
        "both": VoiceState.READY,
    }
    assert "ryan, vivian" in voices["bob"].reason
    assert "eo" in voices["eo"].reason
    assert "eo" in voices["both"].reason


async def test_long_text_is_spoken_in_runs_without_a_gap(qwen3tts: EngineProcess) -> None:
    """Of the tiny checkpoint, this voice ends its runs of this text early, which keeps the test short."""
    voice = Voice(name="brief", languages=["en"], sampling=Sampling(temperature=0))
    await qwen3tts.put_voices(VoicesDocument(generation=6, voices=[voice]))
    text = "Une phrase qui dure un certain temps, puis une autre. " * 30
    async with engine_stream_of(qwen3tts.url) as stream:
        heard = await stream.say(Start(voice="brief", return_codes=True), [text])
    assert len(text) > 1500
    assert heard.codes.count([]) >= 5
    assert heard.text == text
    assert all(one.end_ms == two.start_ms for one, two in pairwise(heard.marks))
    assert heard.end == Done(samples=sum(map(bool, heard.codes)) * FRAME, reason="finished")
    assert longest_silence(heard.pcm) < 240


async def test_what_a_slot_cannot_hold_is_refused_and_harms_nobody(
    qwen3tts: EngineProcess, client: openai.AsyncOpenAI
) -> None:
    (worker,) = qwen3tts.children()
    voice = Voice(name="vivian", languages=["fr"], speaker="vivian")
    await qwen3tts.put_voices(VoicesDocument(generation=7, voices=[voice]))
    with pytest.raises(openai.BadRequestError) as refused:
        await speak(client, voice="vivian", instructions="Whisper. " * 200)
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["param"] == "instructions"
    async with engine_stream_of(qwen3tts.url) as stream:
        go_on = Start(voice="vivian", continue_=Continue(codes=[[0] * 16] * 600))
        end = (await stream.say(go_on, [TEXT])).end
    assert isinstance(end, Error) and "continue.codes: a run holds less than" in end.message
    assert await speak(client, voice="vivian", input="Oui.")
    assert qwen3tts.children() == [worker]
