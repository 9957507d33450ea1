"""What is particular to the demonstration backend: its processes, its languages, its prosody."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from timbre_common.documents import Voice
from timbre_common.errors import EngineUnavailable, InvalidInput
from timbre_common.voiceprofile import Prosody, Style
from timbre_engine.backend import Audio, Finished, Reason, SynthesisRequest
from timbre_engine.espeak.backend import EspeakBackend

TEXT = "Bonjour à tous, c'est l'été. Comment allez-vous aujourd'hui ?"


@pytest.fixture
async def backend() -> AsyncIterator[EspeakBackend]:
    backend = EspeakBackend(slots=2)
    await backend.start()
    yield backend
    await backend.close()


async def pcm(backend: EspeakBackend, prosody: Prosody, **request: object) -> np.ndarray:
    voice = Voice(name="lisa", languages=["fr", "en"], prosody=prosody)
    utterance = await backend.open(SynthesisRequest(voice=voice, **request))  # type: ignore[arg-type]
    await utterance.feed(TEXT)
    await utterance.end()
    made = b"".join([event.pcm async for event in utterance if isinstance(event, Audio)])
    await utterance.close()
    return np.frombuffer(made, "<i2")


async def test_speed_is_the_voice_s_times_the_request_s(backend: EspeakBackend) -> None:
    plain = len(await pcm(backend, Prosody()))
    assert plain / len(await pcm(backend, Prosody(speed=1.5))) == pytest.approx(1.5, rel=0.05)
    assert plain / len(await pcm(backend, Prosody(), speed=1.5)) == pytest.approx(1.5, rel=0.05)
    assert plain / len(await pcm(backend, Prosody(speed=1.5), speed=0.5)) == pytest.approx(0.75, rel=0.05)


async def test_an_emotion_changes_what_its_style_says(backend: EspeakBackend) -> None:
    prosody = Prosody(styles={"shy": Style(gain=-6.0), "sad": Style(speed=0.8)})
    plain, shy, sad = [await pcm(backend, prosody, emotion=emotion) for emotion in ("neutral", "shy", "sad")]
    assert np.abs(shy.astype(float) - plain / 10 ** (6 / 20)).max() <= 1
    assert len(plain) / len(sad) == pytest.approx(0.8, rel=0.05)
    assert np.array_equal(await pcm(backend, prosody, emotion="unheard-of"), plain)


async def test_too_loud_clips(backend: EspeakBackend) -> None:
    loud = (await pcm(backend, Prosody(gain=12.0))).astype(int)
    assert loud.max() == 32767
    assert np.abs(np.diff(loud)).max() < 60_000


async def test_a_seed_is_the_noise_s(backend: EspeakBackend) -> None:
    whisper = Prosody(variant="whisper")
    assert np.array_equal(await pcm(backend, whisper, seed=5), await pcm(backend, whisper, seed=5))
    assert not np.array_equal(await pcm(backend, whisper, seed=5), await pcm(backend, whisper, seed=6))
    assert len(await pcm(backend, whisper, seed=-(2**63))) > 0


async def test_the_language_is_the_request_s_or_the_voice_s_first(backend: EspeakBackend) -> None:
    french = await pcm(backend, Prosody())
    assert np.array_equal(await pcm(backend, Prosody(), language="fr-FR"), french)
    assert len(await pcm(backend, Prosody(), language="en-GB")) != len(french)


@pytest.mark.parametrize(
    ("voice", "field"),
    [
        (Voice(name="a", languages=["fr"], prosody=Prosody(variant="nobody")), "prosody.variant"),
        (Voice(name="a", languages=["xx"]), "languages"),
        (Voice(name="a", languages=[]), "languages"),
    ],
)
async def test_a_voice_that_cannot_speak_is_refused(backend: EspeakBackend, voice: Voice, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await backend.load(voice)
    assert refused.value.field == field


async def test_a_language_of_a_voice_that_is_not_spoken_is_noted(backend: EspeakBackend) -> None:
    assert "xx" in await backend.load(Voice(name="a", languages=["xx", "en"]))


async def test_a_worker_that_dies_is_replaced_and_only_its_utterance_fails(backend: EspeakBackend) -> None:
    voice = Voice(name="lisa", languages=["fr"])
    one = await backend.open(SynthesisRequest(voice=voice))
    two = await backend.open(SynthesisRequest(voice=voice))
    os.kill(one.worker_pid, signal.SIGKILL)
    for utterance in (one, two):
        await utterance.feed(TEXT)
        await utterance.end()
    with pytest.raises(EngineUnavailable):
        [event async for event in one]
    last = [event async for event in two][-1]
    assert isinstance(last, Finished)
    assert last.reason is Reason.FINISHED
    await one.close()
    await two.close()
    async with asyncio.timeout(20):
        while len(backend.worker_pids) < 2:
            await asyncio.sleep(0.01)
    assert len(await pcm(backend, Prosody())) == last.samples


async def test_an_idle_worker_that_dies_is_replaced(backend: EspeakBackend) -> None:
    async with asyncio.timeout(20):
        while len(backend.worker_pids) < 2:
            await asyncio.sleep(0.01)
        before = backend.worker_pids
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        while set(before) & set(backend.worker_pids):
            await asyncio.sleep(0.01)
        assert len(await pcm(backend, Prosody())) > 0


async def test_workers_that_the_system_starts_none_of_are_asked_for_again(
    backend: EspeakBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[None] = []
    start = asyncio.create_subprocess_exec

    async def full(*command: Any, **options: Any) -> Any:
        if len(refused) < 4:
            refused.append(None)
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return await start(*command, **options)

    async with asyncio.timeout(60):
        while len(backend.worker_pids) < 2:
            await asyncio.sleep(0.01)
        before = backend.worker_pids
        monkeypatch.setattr(asyncio, "create_subprocess_exec", full)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        while len(refused) < 4 or len(set(backend.worker_pids) - set(before)) < 2:
            await asyncio.sleep(0.01)
        assert len(await pcm(backend, Prosody())) > 0


async def test_closing_leaves_no_process(backend: EspeakBackend) -> None:
    pids = backend.worker_pids
    await backend.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
