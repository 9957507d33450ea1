"""What a voice can be made of: a recording, a speaker, an adapter with a voice of its own, other voices."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from safetensors.numpy import save_file

from support import golden
from support.engine_process import EngineProcess
from support.engine_stream import Heard, engine_stream_of
from support.sound import samples
from timbre_common.documents import Voice, VoicesDocument, VoiceState
from timbre_common.engine_stream import Continue, Done, End, Error, Flush, Start, Text
from timbre_common.voiceprofile import Adapter, Reference, Sampling
from timbre_engine.model import manifest
from timbre_engine.qwen3tts.codec import Codec
from timbre_loras import adapter_gguf
from timbre_loras.peft_adapter import Pair
from timbre_loras.writer import Dtype, Metadata, write

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASE = golden.cases()["stream_clone_icl"]
CODES = np.array(CASE["clone"]["ref_code"], np.int32)
X_VECTOR = np.array(CASE["clone"]["ref_spk_embedding"], np.float32)
GREEDY = Sampling(temperature=0, repetition_penalty=1.0)
TEXT = "Hello there."
WITHIN = 4
"""1e-4 of the loudest, as s16le."""


def voice(name: str, **fields: Any) -> Voice:
    return Voice(name=name, languages=["fr"], sampling=GREEDY, **fields)


def adapted(name: str, path: str, scale: float = 1.0, **fields: Any) -> Voice:
    return voice(name, adapter=Adapter(path=path, scale=scale), **fields)


VOICES = [
    voice("clone", reference=Reference(path="clone.safetensors")),
    voice("same", reference=Reference(path="same.safetensors")),
    voice("timbre", reference=Reference(path="timbre.safetensors")),
    voice("plain"),
    voice("vivian", speaker="vivian"),
    voice("ryan", speaker="ryan"),
    Voice(name="whole", languages=["en"], streaming_text=False, sampling=GREEDY),
    adapted("lisa", "lisa.gguf", 0.9, speaker="vivian"),
    adapted("louise", "louise.gguf", speaker="vivian"),
    adapted("soft", "lisa.gguf", 0.3, speaker="vivian"),
    adapted("joined", "joined.gguf", speaker="vivian"),
    adapted("tuned", "tuned.gguf"),
    adapted("tuned-apart", "tuned.gguf", streaming_text=True),
    adapted("tuned-plainly", "lisa.gguf", 1.0, reference=Reference(path="vivian.safetensors"), streaming_text=False),
    Voice(name="both", languages=["fr"], sampling=GREEDY, blend="lisa(0.7)+louise(0.3)"),
]


def export(path: Path, base: manifest.Manifest, pairs: list[Pair], **fields: Any) -> None:
    about: dict[str, Any] = dict.fromkeys(Metadata.__dataclass_fields__, "")
    about |= {"name": "x", "base_digest": base.digest, "source_alpha": 1.0, "x_vector": None, "predictor": None}
    write(path, pairs, [], Metadata(**{**about, **fields}), Dtype.F32)


def joined(parts: list[tuple[Path, float]]) -> list[Pair]:
    """One adapter that does at scale 1 what several do at theirs: their ranks one after the other."""
    together = []
    for group in zip(*(adapter_gguf.read(path).pairs() for path, _ in parts), strict=True):
        scaled = [np.float32(scale * pair.scale) * pair.b for (_, scale), pair in zip(parts, group, strict=True)]
        a, b = np.concatenate([pair.a for pair in group]), np.concatenate(scaled, axis=1)
        together.append(Pair(group[0].layer, group[0].target, a, b, 1.0))
    return together


@pytest.fixture(scope="module")
def files(tiny_model: Path, base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(tiny_model / "adapters", tmp_path_factory.mktemp("files") / "of voices"))
    base = manifest.read(base_model)
    peft = golden.make_adapter(tmp_path_factory.mktemp("peft") / "louise", seed=11)
    golden.export_adapter(peft, base_model, str(folder / "louise.gguf"))
    lisa, louise = folder / "lisa.gguf", folder / "louise.gguf"
    export(folder / "joined.gguf", base, joined([(lisa, 0.9 * 0.7), (louise, 0.3)]))
    table = np.load(base_model / manifest.EMBEDDINGS)
    vivian = np.array(table[base.speakers["vivian"]], np.float32)
    export(folder / "tuned.gguf", base, adapter_gguf.read(lisa).pairs(), x_vector=vivian, layout="full")
    said = {"text": CASE["ref_text"], "language": "french"}
    save_file({"x_vector": X_VECTOR, "codes": CODES.astype(np.int64)}, folder / "clone.safetensors", said)
    save_file({"x_vector": X_VECTOR, "codes": CODES.astype(np.int16)}, folder / "same.safetensors", said)
    save_file({"x_vector": X_VECTOR}, folder / "timbre.safetensors")
    save_file({"x_vector": vivian}, folder / "vivian.safetensors")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(base_model: Path, files: Path) -> AsyncIterator[EngineProcess]:
    arguments = [f"--model={base_model}", f"--adapters={files}", "--exact", "--slots=2", "--max-loaded-adapters=2"]
    async with EngineProcess(*arguments, voices=VoicesDocument(generation=1, voices=VOICES)) as engine:
        yield engine


async def hear(engine: EngineProcess, name: str, text: str = TEXT, **fields: Any) -> Heard:
    async with engine_stream_of(engine.url) as stream:
        heard = await stream.say(Start(voice=name, return_codes=True, **fields), [text])
    assert isinstance(heard.end, Done), heard.end
    return heard


async def codes(engine: EngineProcess, name: str, text: str = TEXT) -> NDArray[np.int32]:
    return np.array([frame for frame in (await hear(engine, name, text)).codes if frame], np.int32)


async def test_a_recording_is_continued_as_the_official_implementation_does(
    engine: EngineProcess, base_model: Path
) -> None:
    first, again, same = await hear(engine, "clone"), await hear(engine, "clone"), await hear(engine, "same")
    made = np.array([frame for frame in first.codes if frame], np.int32)
    np.testing.assert_array_equal(made[:16], golden.answers()["stream_clone_icl.codes"])
    assert first.first_frames[0] == 0
    assert again.codes == same.codes == first.codes == (await hear(engine, "clone(1)")).codes
    assert again.pcm == same.pcm == first.pcm
    codec = Codec(base_model / manifest.CODEC)
    whole = codec.decode(np.concatenate([CODES, made]), codec.state())
    expected = np.clip(np.rint(whole[len(CODES) * codec.samples_per_frame :] * 32767), -32768, 32767)
    assert np.abs(samples(first.pcm) - expected).max() <= WITHIN


async def test_another_goes_on_with_a_recording_where_one_stopped(engine: EngineProcess) -> None:
    whole = await hear(engine, "clone")
    rest = await hear(engine, "clone", continue_=Continue(codes=whole.codes[:9]))
    assert rest.codes == whole.codes[9:]
    assert rest.first_frames[0] == 9
    assert np.abs(samples(rest.pcm) - samples(whole.pcm)[-len(rest.pcm) // 2 :]).max() <= WITHIN


async def test_an_x_vector_alone_is_another_voice(engine: EngineProcess) -> None:
    said = {name: (await codes(engine, name)).tolist() for name in ("timbre", "clone", "plain")}
    assert len(set(map(str, said.values()))) == 3
    assert (await codes(engine, "timbre", "Oui, encore. ")).tolist() != said["timbre"]


async def test_a_whole_text_gives_the_golden_codes_and_waits_for_it(engine: EngineProcess) -> None:
    expected = golden.answers()["full_english_nospeaker.codes"]
    np.testing.assert_array_equal((await codes(engine, "whole"))[:16], expected)
    async with engine_stream_of(engine.url) as stream:
        await stream.send(Start(voice="whole", return_codes=True), Text(text=TEXT), Flush())
        await stream.audio()
        await stream.send(End())
        heard = await stream.rest()
    assert isinstance(heard.end, Done)


async def test_an_adapter_brings_its_voice_and_its_text_layout(engine: EngineProcess) -> None:
    tuned, apart, plainly = [(await codes(engine, name)).tolist() for name in ("tuned", "tuned-apart", "tuned-plainly")]
    assert tuned == plainly
    assert tuned != apart
    lisa = adapted("lisa-full", "lisa.gguf", speaker="vivian")
    await engine.put_voices(VoicesDocument(generation=2, voices=[*VOICES, lisa]))
    assert (await codes(engine, "lisa-full")).tolist() == apart


async def test_a_blend_is_what_one_adapter_of_both_would_be(engine: EngineProcess) -> None:
    expected = await codes(engine, "joined")
    for name in ("lisa(0.7)+louise(0.3)", "louise(0.3)+lisa(0.7)", "both"):
        np.testing.assert_array_equal(await codes(engine, name), expected)
    alone = [(await codes(engine, name)).tolist() for name in ("lisa", "louise", "lisa(0.7)")]
    assert expected.tolist() not in alone


async def test_voices_of_one_adapter_are_blended_by_the_sum_of_their_scales(engine: EngineProcess) -> None:
    np.testing.assert_array_equal(await codes(engine, "lisa(0.5)+soft(1.5)"), await codes(engine, "lisa(1)"))


async def test_speakers_are_blended_where_there_are_no_adapters(engine: EngineProcess) -> None:
    vivian, ryan = await codes(engine, "vivian"), await codes(engine, "ryan")
    np.testing.assert_array_equal(await codes(engine, "vivian(0.5)+plain(0.5)"), vivian)
    mixed = (await codes(engine, "vivian(0.5)+ryan(0.5)")).tolist()
    assert mixed not in (vivian.tolist(), ryan.tolist())
    assert (await codes(engine, "vivian(0.9)+clone(0.1)")).tolist() != vivian.tolist()
    assert (await codes(engine, "vivian(2)+ryan(2)")).tolist() == mixed


async def test_a_blend_takes_its_adapters_with_it_and_gives_them_back(engine: EngineProcess) -> None:
    async def resident() -> set[str]:
        status, body = await engine.fetch("/lora-adapters", admin=True)
        assert status == 200
        return {each["voice"] for each in json.loads(body) if each["resident"]}

    await codes(engine, "tuned")
    async with engine_stream_of(engine.url) as stream:
        await stream.send(Start(voice="louise(1)+lisa(1)"), Text(text="Un, "))
        await stream.audio()
        assert await resident() >= {"lisa", "louise"}
        async with engine_stream_of(engine.url) as other:
            refused = (await other.say(Start(voice="tuned"), [TEXT])).end
        assert isinstance(refused, Error) and "2 adapters are speaking" in refused.message
        await engine.put_voices(VoicesDocument(generation=3, voices=[VOICES[0]]))
        assert await engine.metric("timbre_engine_adapters_loaded") == 2
        await stream.send(Text(text="deux."), End())
        assert isinstance((await stream.rest()).end, Done)
    while await engine.metric("timbre_engine_adapters_loaded"):
        pass
    await engine.put_voices(VoicesDocument(generation=4, voices=VOICES))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("lisa(0.7)+nobody(0.3)", "'nobody' of the blend is not loaded"),
        ("lisa(0.7)+both(0.3)", "'both' is a blend itself"),
        ("lisa(0.7)+", "1 to 4 voices"),
        ("lisa(5)", "up to 4 is right, not 5"),
        ("lisa(1)+louise(1)+tuned(1)", "at most 2 adapters"),
    ],
)
async def test_a_blend_that_cannot_be_is_400(engine: EngineProcess, name: str, why: str) -> None:
    body = {"model": "tts-1", "voice": name, "input": TEXT}
    status, answer = await engine.fetch("/v1/audio/speech", "POST", json.dumps(body).encode())
    error = json.loads(answer)["error"]
    assert (status, error["param"]) == (400, "voice")
    assert why in error["message"]


async def test_bad_references_are_refused_while_others_speak(
    engine: EngineProcess, files: Path, tmp_path: Path
) -> None:
    (worker,) = engine.children()
    good = {"x_vector": X_VECTOR, "codes": CODES}
    said = {"text": "Bonjour."}
    save_file(good, tmp_path / "elsewhere.safetensors", said)
    (files / "outside.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    save_file(good, files / "silent.safetensors")
    save_file(good | {"codes": CODES + 2048}, files / "codes.safetensors", said)
    save_file(good | {"codes": np.repeat(CODES, 50, axis=0)}, files / "long.safetensors", said)
    save_file({"x_vector": X_VECTOR[:5]}, files / "short.safetensors")
    (files / "broken.safetensors").write_bytes(b"no voice at all")
    reasons = {
        "outside": "reference.path: ",
        "missing": "reference.path: ",
        "silent": "reference.text: ",
        "codes": "reference.codes[0][0]: ",
        "long": "reference.codes: at most 256 frames",
        "short": "reference.x_vector: float32 [128]",
        "broken": "reference: ",
    }
    bad = [voice(name, reference=Reference(path=f"{name}.safetensors")) for name in reasons]
    bad.append(voice("two", speaker="vivian", reference=Reference(path="clone.safetensors")))
    reasons["two"] = "speaker: a reference takes the speaker's place"
    status = await engine.put_voices(VoicesDocument(generation=5, voices=[*VOICES, *bad]))
    for name, reason in reasons.items():
        assert status.voices[name].state is VoiceState.FAILED, name
        assert reason in status.voices[name].reason
    np.testing.assert_array_equal((await codes(engine, "clone"))[:16], golden.answers()["stream_clone_icl.codes"])
    assert engine.children() == [worker]
