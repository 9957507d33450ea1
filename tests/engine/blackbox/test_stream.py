"""The WebSocket: text in pieces, audio and marks."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from support.engine_process import EngineProcess, house_voices
from support.engine_stream import EngineStream, engine_stream_of
from timbre_common.audio import ms_of_samples
from timbre_common.engine_stream import (
    Cancel,
    Continue,
    Done,
    End,
    Error,
    Flush,
    Mark,
    Start,
    Started,
    Text,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "  Bonjour à tous, c'est l'été. « 1234 euros » ? 12,5 % ! Au revoir…  "


async def test_any_cutting_gives_the_same(engine: EngineProcess) -> None:
    async with engine_stream_of(engine.url) as stream:
        whole = await stream.say(Start(voice="lisa"), [TEXT])
        assert whole.text == TEXT
        assert whole.end == Done(samples=len(whole.pcm) // 2, reason="finished")
        assert abs(whole.marks[-1].end_ms - ms_of_samples(whole.end.samples)) <= 1
        assert await stream.say(Start(voice="lisa"), list(TEXT)) == whole
        assert await stream.say(Start(voice="lisa"), ["", TEXT[:20], "", TEXT[20:]]) == whole


async def test_http_and_stream_say_the_same(engine: EngineProcess) -> None:
    body = {"model": "espeak-ng", "voice": "lisa", "input": TEXT, "response_format": "pcm", "emotion": "sad"}
    status, pcm = await engine.fetch("/v1/audio/speech", "POST", json.dumps(body).encode())
    assert status == 200
    async with engine_stream_of(engine.url) as stream:
        assert (await stream.say(Start(voice="lisa", emotion="sad"), [TEXT])).pcm == pcm


async def test_what_was_told_its_end_counts_as_finished(engine: EngineProcess) -> None:
    outcomes = [f'timbre_engine_requests_total{{outcome="{outcome}"}}' for outcome in ("finished", "cancelled")]
    before = [await engine.metric(outcome) for outcome in outcomes]
    async with engine_stream_of(engine.url) as stream:
        await stream.say(Start(voice="lisa"), [TEXT])
    assert [await engine.metric(outcome) for outcome in outcomes] == [before[0] + 1, before[1]]


async def test_four_at_once_interleave_and_each_is_as_if_alone(engine: EngineProcess) -> None:
    texts = [f"{TEXT} Numéro {number}. " * 5 for number in range(4)]
    voices = ["lisa", "electra", "renarde", "lisa"]
    order: list[int] = []

    async def say(number: int) -> bytes:
        async with engine_stream_of(engine.url) as stream:
            await stream.send(Start(voice=voices[number]), Text(text=texts[number]), End())
            pcm = b""
            while not isinstance(message := await stream.receive(), Done):
                if isinstance(message, bytes):
                    order.append(number)
                    pcm += message
            return pcm

    alone = [await say(number) for number in range(4)]
    order.clear()
    together = await asyncio.gather(*(say(number) for number in range(4)))
    assert together == alone
    last_first, first_last = max(map(order.index, range(4))), min(len(order) - order[::-1].index(n) for n in range(4))
    assert last_first < first_last


async def test_flush_speaks_what_there_is(engine: EngineProcess) -> None:
    async with engine_stream_of(engine.url) as stream:
        await stream.send(Start(voice="lisa"), Text(text="Bonjour tout le monde"), Flush(), Flush())
        assert await stream.receive() == Started()
        assert isinstance(await stream.receive(), Mark)
        assert await stream.audio()
        await stream.send(Text(text=" et adieu"), End())
        assert isinstance((await stream.rest()).end, Done)


@pytest.mark.parametrize("texts", [[], [""], [" … "]])
async def test_nothing_to_say_is_empty(engine: EngineProcess, texts: list[str]) -> None:
    async with engine_stream_of(engine.url) as stream:
        heard = await stream.say(Start(voice="lisa"), texts)
        assert (heard.pcm, heard.marks, heard.end) == (b"", [], Done(samples=0, reason="empty"))


async def test_cancel_and_go_on(engine: EngineProcess) -> None:
    async with engine_stream_of(engine.url) as stream:
        whole = await stream.say(Start(voice="lisa"), [TEXT])
        for _ in range(5):
            await stream.send(Start(voice="lisa"), Text(text=TEXT * 30), End())
            first = await stream.audio()
            await stream.send(Cancel(), Cancel())
            rest = await stream.rest()
            assert rest.end == Done(samples=len(first + rest.pcm) // 2, reason="cancelled")
        assert await stream.say(Start(voice="lisa"), [TEXT]) == whole
    assert await engine.processing() == 0


async def test_cancel_before_any_text(engine: EngineProcess) -> None:
    async with engine_stream_of(engine.url) as stream:
        await stream.send(Start(voice="lisa"), Cancel())
        assert (await stream.rest()).end == Done(samples=0, reason="cancelled")


async def refused(stream: EngineStream, *messages: Any) -> tuple[str, str]:
    for message in messages:
        await stream.socket.send(message if isinstance(message, str | bytes) else msgspec.json.encode(message).decode())
    end = (await stream.rest()).end
    assert isinstance(end, Error)
    return end.code, end.message


@pytest.mark.parametrize(
    ("messages", "code", "says"),
    [
        (["{"], "invalid_value", ""),
        ([b"\x00\x01"], "invalid_value", "binary"),
        (['{"type":"sing"}'], "invalid_value", "sing"),
        (['{"type":"start"}'], "invalid_value", "voice"),
        (['{"type":"start","voice":7}'], "invalid_value", "voice"),
        ([Text(text="a")], "invalid_value", "start"),
        ([Start(voice="nobody")], "voice_not_loaded", "nobody"),
        ([Start(voice="lisa", language="klingon")], "invalid_value", "language"),
        ([Start(voice="lisa", return_codes=True)], "unsupported", "return_codes"),
        ([Start(voice="lisa", continue_=Continue([[1] * 16]))], "unsupported", "continue"),
        ([Start(voice="lisa"), Text(text="x" * 100_001)], "string_above_max_length", "100000"),
        ([Start(voice="lisa"), Text(text="x " * 50_000), Text(text="x")], "string_above_max_length", "100000"),
        ([Start(voice="lisa"), Start(voice="lisa")], "invalid_value", "one utterance"),
        ([Start(voice="lisa"), "{"], "invalid_value", ""),
    ],
)
async def test_what_is_wrong_is_said_and_the_connection_goes_on(
    engine: EngineProcess, messages: list[Any], code: str, says: str
) -> None:
    async with engine_stream_of(engine.url) as stream:
        given_code, message = await refused(stream, *messages)
        assert given_code == code
        assert says in message
        await stream.send(Text(text="late"), Flush(), End(), Cancel())
        heard = await stream.say(Start(voice="lisa"), ["Bonjour."])
        while isinstance(heard.end, Error):  # nothing was ever started, so late text is told so
            heard = await stream.rest()
        assert heard.text == "Bonjour."


async def test_a_message_too_long_closes(engine: EngineProcess) -> None:
    async with engine_stream_of(engine.url) as stream:
        with pytest.raises(ConnectionClosed):
            await stream.say(Start(voice="lisa"), ["x" * (2 << 20)])
    assert (await engine.fetch("/health"))[0] == 200


async def test_full_says_when_to_come_back_and_the_next_in_line_gets_the_slot() -> None:
    async with (
        EngineProcess("--slots=1", "--queue=1", "--pace=rtf=1", voices=house_voices()) as engine,
        engine_stream_of(engine.url) as speaking,
        engine_stream_of(engine.url) as waiting,
        engine_stream_of(engine.url) as late,
    ):
        await speaking.send(Start(voice="lisa"), Text(text=TEXT * 20), End())
        await speaking.audio()
        await waiting.send(Start(voice="renarde"), Text(text="Oui."), End())
        await until(engine, "timbre_engine_requests_waiting", 1)
        await late.send(Start(voice="lisa"))
        end = (await late.rest()).end
        assert isinstance(end, Error)
        assert (end.code, end.retry_after_ms is not None and end.retry_after_ms >= 1000) == ("queue_full", True)
        body = json.dumps({"model": "tts-1", "voice": "lisa", "input": "Bonjour."}).encode()
        status, answer = await engine.fetch("/v1/audio/speech", "POST", body)
        assert (status, json.loads(answer)["error"]["code"]) == (429, "queue_full")
        await speaking.send(Cancel())
        assert (await waiting.rest()).text == "Oui."


async def test_a_slot_is_not_held_without_text() -> None:
    async with (
        EngineProcess("--idle-timeout=1", "--pace=rtf=1", voices=house_voices()) as engine,
        engine_stream_of(engine.url) as stream,
    ):
        await stream.send(Start(voice="lisa"))
        end = (await stream.rest()).end
        assert isinstance(end, Error)
        assert end.code == "idle_timeout"
        assert await engine.processing() == 0
        heard = await stream.say(Start(voice="lisa"), ["Ceci dure plus longtemps que le délai."])
        assert isinstance(heard.end, Done)


async def test_the_pace_is_kept() -> None:
    loop = asyncio.get_running_loop()
    async with (
        EngineProcess("--pace=rtf=0.2,first=300ms,stall=500ms@1s", voices=house_voices()) as engine,
        engine_stream_of(engine.url) as stream,
    ):
        await stream.send(Start(voice="lisa"))
        assert await stream.receive() == Started()
        began = loop.time()
        await stream.send(Text(text=TEXT), End())
        samples = 0
        while not isinstance(message := await stream.receive(), Done):
            if not isinstance(message, bytes):
                continue
            position, late = samples / 24000, loop.time() - began
            assert len(message) <= 3840
            assert late >= 0.3 + 0.2 * position + (0.5 if position >= 1 else 0) - 0.02
            samples += len(message) // 2
        assert message.samples == samples


async def until(engine: EngineProcess, metric: str, value: float, within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while await engine.metric(metric) != value:
            await asyncio.sleep(0.01)
