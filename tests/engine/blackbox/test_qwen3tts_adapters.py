"""Voices with adapters: told apart by ear, refused with a reason, and more of them than are kept in memory."""

import json
import struct
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter

from support.engine_process import EngineProcess
from support.engine_stream import engine_stream_of
from timbre_common import adapters as names
from timbre_common.documents import Voice, VoicesDocument, VoiceState
from timbre_common.engine_stream import Done, End, Start, Text
from timbre_common.voiceprofile import Adapter, Prosody, Sampling
from timbre_engine.model import manifest

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "Oui."
LOADED = "timbre_engine_adapters_loaded"


def adapted(name: str, path: str = "lisa.gguf", scale: float = 1.0, speed: float = 1.0) -> Voice:
    return Voice(
        name=name,
        languages=["fr"],
        speaker="vivian",
        adapter=Adapter(path=path, scale=scale),
        sampling=Sampling(temperature=0),
        prosody=Prosody(speed=speed),
    )


async def say(engine: EngineProcess, voice: str, text: str = TEXT) -> bytes:
    async with engine_stream_of(engine.url) as stream:
        heard = await stream.say(Start(voice=voice), [text])
        assert isinstance(heard.end, Done), heard.end
        return heard.pcm


async def listed(engine: EngineProcess) -> list[dict[str, object]]:
    status, body = await engine.fetch("/lora-adapters", admin=True)
    assert status == 200
    found: list[dict[str, object]] = json.loads(body)
    return found


async def resident(engine: EngineProcess, *wanted: bool) -> None:
    """Waits until just these of the adapters are in memory, of the voices by name."""
    while [each["resident"] for each in await listed(engine)] != list(wanted):
        pass


async def test_an_adapter_is_another_voice_and_is_read_while_nothing_speaks(
    qwen3tts: EngineProcess, adapters: Path
) -> None:
    digest = sha256((adapters / "lisa.gguf").read_bytes()).hexdigest()
    lisa = {"id": 0, "voice": "lisa", "path": "lisa.gguf", "scale": 1.0, "sha256": digest, "rank": 16}
    await resident(qwen3tts, True)
    assert await listed(qwen3tts) == [{**lisa, "resident": True}]
    assert await say(qwen3tts, "lisa") != await say(qwen3tts, "vivian")
    assert await qwen3tts.metric(LOADED) == 1


async def test_a_scale_is_changed_and_comes_back_with_the_document(qwen3tts: EngineProcess) -> None:
    document = VoicesDocument(generation=2, voices=[adapted("lisa"), adapted("louise", scale=0.5)])
    await qwen3tts.put_voices(document)
    full, half = await say(qwen3tts, "lisa"), await say(qwen3tts, "louise")
    assert full != half
    posted = await qwen3tts.fetch("/lora-adapters", "POST", b'[{"id": 0, "scale": 0.5}]', admin=True)
    assert posted == (200, b'{"success": true}')
    assert [(each["voice"], each["scale"]) for each in await listed(qwen3tts)] == [("lisa", 0.5), ("louise", 0.5)]
    assert await say(qwen3tts, "lisa") == half
    await qwen3tts.put_voices(document)
    assert await say(qwen3tts, "lisa") == full


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("[]", None),
        ("{}", None),
        ('[{"id": 2, "scale": 1}]', "[0].id"),
        ('[{"id": 0, "scale": 1}, {"id": 0, "scale": -1}]', "[1].scale"),
        ('[{"id": 0, "scale": 1, "path": "lisa.gguf"}]', "[0]"),
    ],
)
async def test_what_cannot_be_scaled_is_said(qwen3tts: EngineProcess, body: str, param: str | None) -> None:
    status, answer = await qwen3tts.fetch("/lora-adapters", "POST", body.encode(), admin=True)
    assert status == 400
    assert json.loads(answer)["error"]["param"] == param


async def test_a_changed_voice_keeps_the_adapter_that_both_name(qwen3tts: EngineProcess) -> None:
    await qwen3tts.put_voices(VoicesDocument(generation=3, voices=[adapted("lisa"), adapted("louise")]))
    await qwen3tts.put_voices(VoicesDocument(generation=4, voices=[adapted("lisa", speed=2.0)]))
    assert await say(qwen3tts, "lisa")
    assert await qwen3tts.metric(LOADED) == 1
    await qwen3tts.put_voices(VoicesDocument(generation=5, voices=[]))
    await say_nothing_more(qwen3tts)


async def say_nothing_more(engine: EngineProcess) -> None:
    """Waits until no adapter is in memory."""
    while await engine.metric(LOADED):
        pass


async def test_a_voice_that_goes_speaks_to_its_end(qwen3tts: EngineProcess) -> None:
    await qwen3tts.put_voices(VoicesDocument(generation=6, voices=[adapted("lisa")]))
    async with engine_stream_of(qwen3tts.url) as stream:
        await stream.send(Start(voice="lisa"), Text(text="Un, "))
        first = await stream.audio()
        await qwen3tts.put_voices(VoicesDocument(generation=7, voices=[]))
        assert await qwen3tts.metric(LOADED) == 1
        await stream.send(Text(text="deux."), End())
        rest = await stream.rest()
    assert rest.end == Done(samples=len(first + rest.pcm) // 2, reason="finished")
    await say_nothing_more(qwen3tts)


async def test_more_voices_than_adapters_in_memory(qwen3tts: EngineProcess, adapters: Path) -> None:
    data = (adapters / "lisa.gguf").read_bytes()
    voices = []
    for number in range(4):
        quieter = np.frombuffer(data[-4096:], "<f4") * (1 - number / 4)
        (adapters / f"{number}.gguf").write_bytes(data[:-4096] + quieter.astype("<f4").tobytes())
        voices.append(adapted(f"voice{number}", f"{number}.gguf"))
    await qwen3tts.put_voices(VoicesDocument(generation=8, voices=voices))
    said = []
    for voice in voices * 2:
        said.append(await say(qwen3tts, voice.name))
        assert await qwen3tts.metric(LOADED) <= 2
    assert said[:4] == said[4:]
    assert len(set(said)) == 4
    assert [each["resident"] for each in await listed(qwen3tts)] == [False, False, True, True]


def broken(data: bytes, _directory: Path) -> bytes:
    return data[: len(data) // 2]


def no_adapter(_data: bytes, _directory: Path) -> bytes:
    return b"This is no adapter at all." * 10


def foreign(data: bytes, _directory: Path) -> bytes:
    at = data.index(b"sha256:", data.index(names.KEY_BASE_DIGEST.encode()))
    return data[:at] + b"sha256:" + b"0" * 64 + data[at + 71 :]


def not_a_number(data: bytes, _directory: Path) -> bytes:
    return data[:-4] + struct.pack("<f", float("nan"))


def over_rank(_data: bytes, directory: Path) -> bytes:
    path = directory / "written"
    writer = GGUFWriter(path, names.ARCHITECTURE)
    writer.add_string(names.KEY_TYPE, names.TYPE)
    writer.add_string(names.KEY_METHOD, names.METHOD)
    writer.add_float32(names.KEY_ALPHA, 1.0)
    writer.add_string(names.KEY_BASE_DIGEST, manifest.read(directory).digest)
    for half, shape in (("a", (65, 128)), ("b", (128, 65))):
        writer.add_tensor(names.tensor_name(0, "attn_q", half), np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


REFUSED: dict[Callable[[bytes, Path], bytes], str] = {
    broken: "breaks off",
    no_adapter: "no GGUF",
    foreign: "made for the base",
    not_a_number: "not finite",
    over_rank: "rank is 65",
}


async def test_bad_adapters_are_refused_while_others_speak(
    qwen3tts: EngineProcess, adapters: Path, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / manifest.FILE).write_bytes((tiny_model / manifest.FILE).read_bytes())
    data = (adapters / "lisa.gguf").read_bytes()
    reasons = {"missing": "No such file", "outside": "outside", "digest": "digest"}
    for spoil, reason in REFUSED.items():
        name = spoil.__name__.replace("_", "-")
        (adapters / f"{name}.gguf").write_bytes(spoil(data, tmp_path))
        reasons[name] = reason
    (tmp_path / "elsewhere.gguf").write_bytes(data)
    (adapters / "outside.gguf").symlink_to(tmp_path / "elsewhere.gguf")
    (adapters / "digest.gguf").write_bytes(data)
    wrong = Adapter(path="digest.gguf", digest=f"sha256:{'0' * 64}")
    voices = [adapted(name, f"{name}.gguf") for name in reasons if name != "digest"]
    voices += [adapted("lisa"), Voice(name="digest", languages=["fr"], adapter=wrong)]
    status = await qwen3tts.put_voices(VoicesDocument(generation=9, voices=voices))
    assert await say(qwen3tts, "lisa")
    for name, reason in reasons.items():
        assert status.voices[name].state is VoiceState.FAILED, name
        assert reason in status.voices[name].reason
    assert [each["voice"] for each in await listed(qwen3tts)] == ["lisa"]


async def test_a_path_that_climbs_is_refused_with_its_document(qwen3tts: EngineProcess) -> None:
    for path in ("../lisa.gguf", "/etc/passwd"):
        body = {"generation": 10, "voices": [{"name": "a", "languages": ["fr"], "adapter": {"path": path}}]}
        status, answer = await qwen3tts.fetch("/admin/voices", "PUT", json.dumps(body).encode(), admin=True)
        assert (status, json.loads(answer)["error"]["param"]) == (400, "voices[0].adapter.path")


async def test_an_adapter_that_was_exchanged_is_not_given_to_the_library(
    qwen3tts: EngineProcess, adapters: Path
) -> None:
    files = ["exchanged.gguf", "second.gguf", "third.gguf"]
    for number, name in enumerate(files):
        ending = struct.pack("<f", 0.5 + number)
        (adapters / name).write_bytes((adapters / "lisa.gguf").read_bytes()[:-4] + ending)
    voices = [adapted(voice, name) for voice, name in zip(["lisa", "louise", "lena"], files, strict=True)]
    await qwen3tts.put_voices(VoicesDocument(generation=10, voices=voices))
    await resident(qwen3tts, True, False, True)  # by name: lena, lisa, louise; lisa's was read first, and gave way
    content = (adapters / "exchanged.gguf").read_bytes()
    (adapters / "exchanged.gguf").write_bytes(b"GGUF" + bytes(100))
    async with engine_stream_of(qwen3tts.url) as stream:
        end = (await stream.say(Start(voice="lisa"), [TEXT])).end
    assert end is not None and not isinstance(end, Done)
    assert "exchanged.gguf has changed" in end.message
    (adapters / "again.gguf").write_bytes(content)
    (adapters / "again.gguf").replace(adapters / "exchanged.gguf")
    async with engine_stream_of(qwen3tts.url) as stream:
        assert isinstance((await stream.say(Start(voice="lisa"), [TEXT])).end, Done)
