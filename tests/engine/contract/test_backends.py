"""What the engine's surface relies on, whatever makes the sound."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from support.sound import longest_silence
from timbre_common import voice_codes
from timbre_common.audio import ms_of_samples
from timbre_common.documents import Voice
from timbre_common.errors import InvalidInput, Unsupported
from timbre_common.voice_codes import VoiceCode
from timbre_common.voiceprofile import Adapter, Reference, Sampling
from timbre_engine.backend import Audio, Backend, Finished, Mark, Part, Reason, SynthesisRequest, Utterance

TEXT = "  Bonjour à tous, c'est l'été. « 1234 euros » ? 12,5 % ! Au revoir…  "


@dataclass
class Said:
    pcm: bytes = b""
    marks: list[Mark] = field(default_factory=list)
    """Each with the samples that came before it, in `before`."""
    before: list[int] = field(default_factory=list)
    finished: Finished | None = None

    @property
    def text(self) -> str:
        return "".join(mark.text for mark in self.marks)


async def hear(utterance: Utterance) -> Said:
    said = Said()
    async for event in utterance:
        assert said.finished is None
        match event:
            case Audio():
                assert len(event.pcm) % 2 == 0
                assert 0 < len(event.pcm) <= 9600
                said.pcm += event.pcm
            case Mark():
                said.marks.append(event)
                said.before.append(len(said.pcm) // 2)
            case Finished():
                said.finished = event
    return said


async def say(backend: Backend, *texts: str, **request: Any) -> Said:
    utterance = await backend.open(SynthesisRequest(**request))
    try:
        for text in texts:
            await utterance.feed(text)
        await utterance.end()
        return await hear(utterance)
    finally:
        await utterance.close()


async def test_audio_and_marks(backend: Backend, voice: Voice) -> None:
    said = await say(backend, TEXT, voice=voice)
    assert said.finished == Finished(len(said.pcm) // 2, Reason.FINISHED)
    assert said.text == TEXT
    assert said.marks[0].start_ms == 0
    assert all(one.end_ms == two.start_ms for one, two in pairwise(said.marks))
    assert all(mark.start_ms <= mark.end_ms for mark in said.marks)
    assert abs(said.marks[-1].end_ms - ms_of_samples(said.finished.samples)) <= 1
    assert any(said.pcm)


async def test_a_mark_comes_before_its_audio(backend: Backend, voice: Voice) -> None:
    said = await say(backend, TEXT, voice=voice)
    for mark, samples in zip(said.marks, said.before, strict=True):
        assert ms_of_samples(samples) <= mark.start_ms + 1


async def test_any_cutting_gives_the_same_samples_and_marks(backend: Backend, voice: Voice) -> None:
    whole = await say(backend, TEXT, voice=voice, seed=7)
    letters = await say(backend, *TEXT, voice=voice, seed=7)
    assert (letters.pcm, letters.marks, letters.finished) == (whole.pcm, whole.marks, whole.finished)


async def test_the_same_request_gives_the_same_samples_whatever_was_said_before(backend: Backend, voice: Voice) -> None:
    first = await say(backend, TEXT, voice=voice, seed=7)
    await say(backend, "Something else entirely!", voice=voice, language="en", emotion="sad")
    assert (await say(backend, TEXT, voice=voice, seed=7)).pcm == first.pcm


async def test_utterances_at_once_are_as_if_alone(backend: Backend) -> None:
    voice = Voice(name="lisa", languages=["fr"], sampling=Sampling(temperature=0))
    texts = ["Un, deux, trois.", "Nous irons au bois."]
    alone = [(await say(backend, text, voice=voice)).pcm for text in texts]
    together = await asyncio.gather(*(say(backend, text, voice=voice) for text in texts))
    assert [said.pcm for said in together] == alone


async def test_flush_speaks_what_there_is(backend: Backend, voice: Voice) -> None:
    utterance = await backend.open(SynthesisRequest(voice=voice))
    await utterance.feed("Bonjour tout le monde")
    await utterance.flush()
    events = aiter(utterance)
    async with asyncio.timeout(10):
        while not isinstance(await anext(events), Audio):
            pass
    await utterance.close()


async def test_a_pause_is_silence_and_is_not_read(backend: Backend, voice: Voice) -> None:
    text = "Un. [pause:0.5s] Deux. [pause:0,5s]"
    said = await say(backend, text, voice=voice, seed=7)
    assert said.text == text
    (pause,) = [mark for mark in said.marks if mark.text.strip() == "[pause:0.5s]"]
    assert abs(pause.end_ms - pause.start_ms - 500) <= 1
    assert abs(longest_silence(said.pcm) - 12_000) <= 2_400  # an espeak clause ends in silence of its own
    letters = await say(backend, *text, voice=voice, seed=7)
    assert (letters.pcm, letters.marks) == (said.pcm, said.marks)


async def test_a_pause_alone_is_heard(backend: Backend, voice: Voice) -> None:
    said = await say(backend, "… [pause:0.25s]", voice=voice)
    assert said.finished == Finished(len(said.pcm) // 2, Reason.FINISHED)
    assert said.text == "… [pause:0.25s]"
    assert longest_silence(said.pcm) == len(said.pcm) // 2 == pytest.approx(6_000, abs=2)


@pytest.mark.parametrize("texts", [[], [""], [" "], ["…"], ["\n", "...", " — "]])
async def test_nothing_to_say_is_empty(backend: Backend, voice: Voice, texts: list[str]) -> None:
    said = await say(backend, *texts, voice=voice)
    assert said == Said(finished=Finished(0, Reason.EMPTY))


async def test_odd_characters_are_neither_lost_nor_fatal(backend: Backend, voice: Voice) -> None:
    text = "un\x00deux \x01 5S trois\u200d 😀 👨‍👩‍👧 日本語 e\u0301te\u0301 \U0010ffff \ufeff[[x]] <b>gras</b> fin."
    said = await say(backend, text, voice=voice)
    assert said.text == text
    assert said.finished is not None
    assert said.finished.reason is Reason.FINISHED


async def test_cancel_ends_it(backend: Backend, voice: Voice) -> None:
    utterance = await backend.open(SynthesisRequest(voice=voice))
    await utterance.feed(TEXT * 40)
    await utterance.end()
    samples, last = 0, None
    async for event in utterance:
        last = event
        if isinstance(event, Audio):
            samples += len(event.pcm) // 2
            utterance.cancel()
    assert last == Finished(samples, Reason.CANCELLED)
    await utterance.close()
    assert (await say(backend, TEXT, voice=voice)).text == TEXT


async def test_cancel_while_it_waits_for_text(backend: Backend, voice: Voice) -> None:
    utterance = await backend.open(SynthesisRequest(voice=voice))
    hearing = asyncio.create_task(hear(utterance))
    await asyncio.sleep(0.01)
    utterance.cancel()
    async with asyncio.timeout(10):
        assert (await hearing).finished == Finished(0, Reason.CANCELLED)
    await utterance.feed("trop tard")
    await utterance.end()
    await utterance.close()


async def test_closing_makes_room_however_it_stood(backend: Backend, voice: Voice) -> None:
    for taken in (0, 1, 5):
        for _ in range(backend.info.slots):
            utterance = await backend.open(SynthesisRequest(voice=voice))
            await utterance.feed(TEXT * 40)
            events = aiter(utterance)
            for _ in range(taken):
                await anext(events)
            async with asyncio.timeout(10):
                await utterance.close()
    assert (await say(backend, TEXT, voice=voice)).text == TEXT


async def test_an_iteration_that_is_cancelled_leaves_nothing_behind(backend: Backend, voice: Voice) -> None:
    for pause in (0, 0.001, 0.005, 0.02):
        utterance = await backend.open(SynthesisRequest(voice=voice))
        await utterance.feed(TEXT * 40)
        hearing = asyncio.create_task(hear(utterance))
        await asyncio.sleep(pause)
        hearing.cancel()
        await asyncio.wait({hearing})
        await utterance.close()
    assert (await say(backend, TEXT, voice=voice)).text == TEXT


async def test_an_adapter_is_loaded_or_noted(backend: Backend) -> None:
    assert await backend.load(Voice(name="lisa", languages=["fr"])) == ""
    adapted = Voice(name="lisa", languages=["fr"], adapter=Adapter(path="lisa.gguf"))
    note = await backend.load(adapted)
    await say(backend, "Oui.", voice=adapted)
    assert "adapter" in note or len(backend.adapters_loaded()) == 1
    await backend.unload(adapted)


def _without_base(file: bytes) -> bytes:
    at = file.index(b"timbre.base.digest") + len("timbre.base.digest") + 12 + len("sha256:")
    return file[:at] + b"0" * 64 + file[at + 64 :]


FILES: dict[VoiceCode, Callable[[bytes], bytes]] = {
    VoiceCode.MALFORMED: lambda file: file[: len(file) // 2],
    VoiceCode.WRONG_BASE: _without_base,
    VoiceCode.DIGEST_MISMATCH: lambda file: file,
    VoiceCode.TOO_LARGE: lambda file: file,
}


@pytest.mark.parametrize("code", [*FILES, VoiceCode.FILE_MISSING])
async def test_what_is_wrong_with_a_file_has_a_code(backend: Backend, tiny_model: Path, code: VoiceCode) -> None:
    path = tiny_model / "adapters" / f"{code}.gguf"
    if code in FILES:
        path.write_bytes(FILES[code]((tiny_model / "adapters" / "lisa.gguf").read_bytes()))
    if code is VoiceCode.TOO_LARGE:
        with path.open("r+b") as file:
            file.truncate((512 << 20) + 1)
    other = f"sha256:{hashlib.sha256(b'another').hexdigest()}"
    adapter = Adapter(path=path.name, digest=other if code is VoiceCode.DIGEST_MISMATCH else None)
    voice = Voice(name="lisa", languages=["fr"], adapter=adapter)
    if not backend.info.codebooks:
        assert "not applied" in await backend.load(voice)
        return
    with pytest.raises(InvalidInput) as refused:
        await backend.load(voice)
    assert voice_codes.of(refused.value) is code


async def test_what_cannot_be_spoken_has_a_code(backend: Backend) -> None:
    with pytest.raises(InvalidInput) as refused:
        await backend.load(Voice(name="lisa", languages=["xx"]))
    assert voice_codes.of(refused.value) is VoiceCode.UNKNOWN_LANGUAGE
    unknown = Voice(name="lisa", languages=["fr"], speaker="nobody")
    if backend.info.codebooks:
        with pytest.raises(InvalidInput) as refused:
            await backend.load(unknown)
        assert voice_codes.of(refused.value) is VoiceCode.UNKNOWN_SPEAKER
    else:
        await backend.load(unknown)


async def test_a_voice_that_is_given_before_the_start_is_loaded_after_it(unstarted: Backend, voice: Voice) -> None:
    loading = asyncio.create_task(unstarted.load(voice))
    await asyncio.sleep(0)
    assert not loading.done()
    await unstarted.start()
    async with asyncio.timeout(30):
        await loading


async def test_a_reference_is_noted_or_refused_by_name(backend: Backend) -> None:
    recorded = Voice(name="lisa", languages=["fr"], reference=Reference(path="missing.safetensors"))
    if backend.info.codebooks:
        with pytest.raises(InvalidInput) as refused:
            await backend.load(recorded)
        assert refused.value.field == "reference"
    else:
        assert "reference" in await backend.load(recorded)
        await say(backend, "Oui.", voice=recorded)
        await backend.unload(recorded)


async def test_a_blend_speaks(backend: Backend, voice: Voice) -> None:
    parts = (Part(voice, 0.7), Part(Voice(name="renarde", languages=["fr"]), 0.3))
    said = await say(backend, TEXT, voice=voice, blend=parts, seed=7)
    assert said.text == TEXT
    assert (await say(backend, TEXT, voice=voice, blend=parts, seed=7)).pcm == said.pcm


async def test_a_language_that_it_does_not_speak_is_named(backend: Backend, voice: Voice) -> None:
    request = SynthesisRequest(voice=voice, language="xx-klingon")
    with pytest.raises(InvalidInput) as refused:
        backend.check(request)
    assert refused.value.field == "language"
    with pytest.raises(InvalidInput):
        await backend.open(request)


async def test_codes_are_returned_or_refused(backend: Backend, voice: Voice) -> None:
    for field_name, request in {
        "continue": SynthesisRequest(voice=voice, continue_codes=[[0] * 16]),
        "return_codes": SynthesisRequest(voice=voice, return_codes=True),
    }.items():
        if backend.info.codebooks:
            backend.check(request)
            continue
        with pytest.raises(Unsupported) as refused:
            backend.check(request)
        assert refused.value.field == field_name
