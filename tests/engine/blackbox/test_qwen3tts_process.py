"""The speech model's process: warm before it says so, full, left alone by clients, killed, told to stop."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from support.engine_process import EngineProcess
from support.engine_stream import EngineStream, engine_stream_of
from timbre_common.engine_stream import Cancel, Done, End, Error, Start, Started, Text
from timbre_engine.model import manifest

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = "Une phrase qui dure un certain temps, et puis une autre. " * 5
FRAME_S = 0.08


async def begin(stream: EngineStream, text: str = LONG) -> None:
    """Holds a slot."""
    await stream.send(Start(voice="lisa"), Text(text=text))
    assert await stream.receive() == Started()


async def free(engine: EngineProcess, within: float = 5.0) -> float:
    """Seconds until no slot is taken."""
    began = time.monotonic()
    async with asyncio.timeout(within):
        while await engine.processing():
            pass
    return time.monotonic() - began


async def gone(pids: Sequence[int]) -> None:
    async with asyncio.timeout(10):
        for pid in pids:
            with suppress(ProcessLookupError):
                while True:
                    os.kill(pid, 0)
                    await asyncio.sleep(0.01)


async def test_what_can_be_asked(qwen3tts: EngineProcess) -> None:
    props = await qwen3tts.json("/props")
    assert (props["backend"], props["model"], props["total_slots"]) == ("qwen3tts", "checkpoint", 2)
    assert {"fr", "en", "zh"} <= set(props["languages"])
    assert (await qwen3tts.json("/v1/models"))["data"][0]["id"] == "checkpoint"
    assert [voice["id"] for voice in (await qwen3tts.json("/v1/audio/voices"))["voices"]] == ["lisa", "vivian"]
    assert [slot["is_processing"] for slot in await qwen3tts.json("/slots")] == [False, False]


async def test_full_says_when_to_come_back(qwen3tts: EngineProcess) -> None:
    async with (
        engine_stream_of(qwen3tts.url) as one,
        engine_stream_of(qwen3tts.url) as two,
        engine_stream_of(qwen3tts.url) as waiting,
        engine_stream_of(qwen3tts.url) as refused,
    ):
        await begin(one, "Oui. ")
        await begin(two, "Non. ")
        await waiting.send(Start(voice="lisa"), Text(text="Oui. "), End())
        while not await qwen3tts.metric("timbre_engine_requests_waiting"):
            pass
        end = (await refused.say(Start(voice="lisa"), ["Oui."])).end
        assert isinstance(end, Error) and end.code == "queue_full" and end.retry_after_ms
        body = json.dumps({"model": "tts-1", "voice": "lisa", "input": "Oui."}).encode()
        status, answer = await qwen3tts.fetch("/v1/audio/speech", "POST", body)
        assert (status, json.loads(answer)["error"]["code"]) == (429, "queue_full")
        assert {slot["voice"] for slot in await qwen3tts.json("/slots")} == {"lisa"}
        await two.send(Cancel())
        assert isinstance((await waiting.rest()).end, Done)
    await free(qwen3tts)


async def test_cancel_frees_the_slot_within_a_frame(qwen3tts: EngineProcess) -> None:
    needed = []
    for _ in range(3):
        async with engine_stream_of(qwen3tts.url) as stream:
            await begin(stream)
            await stream.audio()
            asked = time.monotonic()
            await stream.send(Cancel())
            rest = await stream.rest()
            needed.append(time.monotonic() - asked)
            assert isinstance(rest.end, Done) and rest.end.reason == "cancelled"
            assert await qwen3tts.processing() == 0
    assert min(needed) < FRAME_S


async def test_a_client_that_goes_away(qwen3tts: EngineProcess) -> None:
    needed = []
    for _ in range(3):
        async with engine_stream_of(qwen3tts.url) as stream:
            await begin(stream)
            await stream.audio()
            stream.socket.transport.abort()
            needed.append(await free(qwen3tts))
    assert min(needed) < 2 * FRAME_S


async def test_a_worker_that_is_killed_is_replaced(qwen3tts: EngineProcess) -> None:
    (worker,) = qwen3tts.children()
    async with engine_stream_of(qwen3tts.url) as stream:
        before = (await stream.say(Start(voice="lisa"), ["Oui."])).pcm
        await begin(stream)
        await stream.audio()
        os.kill(worker, signal.SIGKILL)
        end = (await stream.rest()).end
        assert isinstance(end, Error) and end.code == "engine_unavailable"
        broke_at = time.monotonic()
        while (after := await stream.say(Start(voice="lisa"), ["Oui."])).pcm != before:
            assert isinstance(after.end, Error) and after.end.code == "engine_unavailable"
            assert time.monotonic() < broke_at + 10
        assert qwen3tts.children() != [worker]
    assert await resident(qwen3tts) == [True]


async def resident(engine: EngineProcess) -> list[bool]:
    voices = (await engine.fetch("/lora-adapters", admin=True))[1]
    return [voice["resident"] for voice in json.loads(voices)]


async def test_a_replacement_reads_no_adapter_before_one_speaks(qwen3tts: EngineProcess) -> None:
    """An adapter may be what ended the worker before."""
    (worker,) = qwen3tts.children()
    os.kill(worker, signal.SIGKILL)
    while qwen3tts.children() in ([], [worker]):
        await asyncio.sleep(0.05)
    async with engine_stream_of(qwen3tts.url) as stream:
        while not isinstance((await stream.say(Start(voice="vivian"), ["Oui."])).end, Done):
            pass
        await asyncio.sleep(0.5)  # where it read one, it would by now
        assert await resident(qwen3tts) == [False]
        assert isinstance((await stream.say(Start(voice="lisa"), ["Oui."])).end, Done)
        assert await resident(qwen3tts) == [True]


async def test_warm_before_it_says_so_and_nothing_left_when_told_to_stop(tiny_model: Path, tmp_path: Path) -> None:
    """The same model as one of 0.6B, which follows no instructions, with the voices that it has by itself."""
    for name in (manifest.TALKER, manifest.PREDICTOR, manifest.CODEC, manifest.EMBEDDINGS):
        (tmp_path / name).symlink_to(tiny_model / name)
    described = (tiny_model / manifest.FILE).read_text().replace('"size": "1b7"', '"size": "0b6"')
    (tmp_path / manifest.FILE).write_text(described)
    engine = EngineProcess(f"--model={tmp_path}")
    match = await engine.start()
    try:
        engine.url = match[1]
        assert (await engine.fetch("/health"))[0] == 503
        fields = {"model": "tts-1", "voice": "vivian", "input": "Oui."}
        assert (await engine.fetch("/v1/audio/speech", "POST", json.dumps(fields).encode()))[0] == 503
        await engine.healthy()
        voices = (await engine.json("/v1/audio/voices"))["voices"]
        assert [(voice["id"], voice["languages"][0]) for voice in voices] == [("ryan", "und"), ("vivian", "und")]
        assert (await engine.fetch("/v1/audio/speech", "POST", json.dumps(fields).encode()))[0] == 200
        body = json.dumps({**fields, "instructions": "Whisper."}).encode()
        status, answer = await engine.fetch("/v1/audio/speech", "POST", body)
        error = json.loads(answer)["error"]
        assert (status, error["param"], error["code"]) == (400, "instructions", "unsupported")
        workers = engine.children()
        assert len(workers) == 1
    finally:
        status = await engine.stop()
    assert status == 0
    await gone(workers)


async def voices_of(engine: EngineProcess) -> Any:
    return json.loads((await engine.fetch("/admin/voices", admin=True))[1])


async def test_voices_of_the_command_line(tiny_model: Path, tmp_path: Path) -> None:
    """Their files may lie anywhere; a broken one fails its voice alone. Killed, the engine leaves no worker."""
    (tmp_path / "lisa.gguf").write_bytes((tiny_model / "adapters" / "lisa.gguf").read_bytes())
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    (tmp_path / "voices.yaml").write_text("generation: 4\nvoices: [{name: vivian, languages: [fr]}]\n")
    loras = [f"--lora=lisa={tmp_path / 'lisa.gguf'}:0.5", f"--lora=bad={tmp_path / 'bad.gguf'}"]
    async with EngineProcess(f"--model={tiny_model}", *loras, f"--voices={tmp_path / 'voices.yaml'}") as engine:
        found = await voices_of(engine)
        while "loading" in (states := {name: voice["state"] for name, voice in found["voices"].items()}).values():
            found = await voices_of(engine)
        assert found["generation"] == 4
        assert states == {"bad": "failed", "lisa": "ready", "vivian": "ready"}
        async with engine_stream_of(engine.url) as stream:
            assert isinstance((await stream.say(Start(voice="lisa"), ["Oui."])).end, Done)
        (listed,) = json.loads((await engine.fetch("/lora-adapters", admin=True))[1])
        assert (listed["path"], listed["scale"]) == (str(tmp_path / "lisa.gguf"), 0.5)
        workers = engine.children()
        await engine.kill()
        await gone(workers)
