"""What fails takes along no more than it must: a lane, a worker while a voice loads, a speech without an end."""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from timbre_common.documents import Voice
from timbre_common.errors import EngineUnavailable
from timbre_common.voiceprofile import Adapter, Sampling
from timbre_engine.backend import SynthesisRequest
from timbre_engine.llama import api
from timbre_engine.qwen3tts import sampling, scheduler
from timbre_engine.qwen3tts.backend import Qwen3TTSBackend
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Offline, Request, codes_of
from timbre_engine.qwen3tts.options import Options
from timbre_engine.qwen3tts.stream import FRAMES_A_CHARACTER, FRAMES_AT_LEAST

VIVIAN = Voice(name="vivian", languages=["fr"], speaker="vivian", sampling=Sampling(temperature=0))
LISA = msgspec.structs.replace(VIVIAN, name="lisa", adapter=Adapter(path="lisa.gguf"))
PLAIN = Request(voice=VIVIAN, text="Une phrase assez longue pour durer.", language="fr", greedy=True, frames=12)
ADAPTED = replace(PLAIN, voice=LISA)


def options(model: Path) -> Options:
    return Options(model=model, adapters=model / "adapters", slots=3, exact=True)


@pytest.fixture
def machine(tiny_model: Path) -> Iterator[Machine]:
    machine = Machine(options(tiny_model))
    yield machine
    machine.close()


def test_a_lane_that_breaks_takes_only_what_speaks_in_it(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [codes_of(machine, request) for request in (PLAIN, ADAPTED)]
    offline = Offline(machine)
    known = replace(ADAPTED, known=True)
    plain, adapted, another = (offline.join(request) for request in (PLAIN, known, known))
    while len(offline.codes(adapted)) < 4:
        offline.tick()
    machine.adapters.forget(Adapter(path="lisa.gguf"))  # its voice is gone: it leaves memory with its last stream
    lane = offline._streams[adapted].sequence.lane
    decode, broken = api.library().llama_decode, lane.context._handle
    monkeypatch.setattr(api.library(), "llama_decode", lambda *call: -3 if call[0] == broken else decode(*call))
    while len(offline.codes(plain)) < 12:
        offline.tick()
    for number in (adapted, another):
        with pytest.raises(EngineUnavailable, match="status -3"):
            offline.finished(number)
    np.testing.assert_array_equal(offline.codes(plain)[:12], expected[0])
    assert lane not in machine.talker._lanes and not machine.adapters.resident()
    offline.stop(plain)
    offline.tick()
    monkeypatch.undo()
    np.testing.assert_array_equal(codes_of(machine, ADAPTED), expected[1])


def test_what_breaks_twice_is_not_the_lane(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.library(), "llama_decode", lambda *_: -3)
    offline = Offline(machine)
    number = offline.join(PLAIN)
    offline.tick()
    with pytest.raises(EngineUnavailable):
        offline.finished(number)
    offline.join(PLAIN)
    with pytest.raises(EngineUnavailable, match="status -3"):
        offline.tick()


@pytest.mark.parametrize("text", ["Oui.", "Une phrase assez longue pour durer."])
def test_speech_for_which_the_model_draws_no_end_is_ended(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Left alone it would be noise until the slot is full."""
    drawn, end = sampling.sample, machine.manifest.codec_ids.eos

    def without_end(logits: NDArray[np.float32], *settings: Any, **known: Any) -> int:
        return drawn(np.where(np.arange(logits.size) == end, np.float32(-1e9), logits), *settings, **known)

    monkeypatch.setattr(scheduler, "sample", without_end)
    made = len(codes_of(machine, replace(PLAIN, text=text, frames=10_000)))
    most = FRAMES_AT_LEAST + FRAMES_A_CHARACTER * len(text)
    assert most <= made < most + 1 < machine.talker.positions


WORKER = """
import os, sys
from pathlib import Path
from timbre_engine.llama import api
from timbre_engine.qwen3tts import worker
from timbre_engine.qwen3tts.voice_loading import VoiceLoading
{patch}
sys.argv = ["worker", sys.argv[-1]]
worker.main()
"""
BREAKS = """
library, calls = api.library(), []
decode = library.llama_decode
def failing(context, batch):
    calls.append(context)
    if calls.count(context) == 20:  # no voice's prefix takes as many
        library.llama_decode = decode
        return -3
    return decode(context, batch)
library.llama_decode = failing
"""
DIES = """
left = Path({path!r})
def check(self, load):
    if load.voice.name == "lisa" and (number := int(left.read_text())):
        left.write_text(str(number - 1))
        os._exit(9)
    real(self, load)
VoiceLoading._check, real = check, VoiceLoading._check
"""
GARBLES = """
from timbre_engine.qwen3tts.messages import Loaded
left = Path({path!r})
def send(self, message):
    if isinstance(message, Loaded) and left.exists():
        left.unlink()
        self._sink.write(b"\\x04\\x00\\x00\\x00junk")
        return self._sink.flush()
    return real(self, message)
worker.Worker._send, real = send, worker.Worker._send
"""

Start = Callable[[str], Any]


@pytest.fixture
def start(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """A backend whose workers are patched."""

    @asynccontextmanager
    async def started(patch: str) -> AsyncIterator[Qwen3TTSBackend]:
        (tmp_path / "worker.py").write_text(WORKER.format(patch=patch))
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {tmp_path / "worker.py"} "$@"\n')
        python.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(python))
        backend = Qwen3TTSBackend(options(tiny_model))
        await backend.start()
        try:
            yield backend
        finally:
            await backend.close()

    return started


async def speak(backend: Qwen3TTSBackend, voice: Voice) -> int:
    """Samples."""
    utterance = await backend.open(SynthesisRequest(voice=voice, seed=1))
    try:
        await utterance.feed(PLAIN.text)
        await utterance.end()
        return [event async for event in utterance][-1].samples  # type: ignore[union-attr]
    finally:
        await utterance.close()


async def test_the_client_is_told_and_the_worker_goes_on(start: Start) -> None:
    async with start(BREAKS) as backend:
        for voice in (VIVIAN, LISA):
            await backend.load(voice)
        workers = backend.worker_pids
        with pytest.raises(EngineUnavailable, match="status -3"):
            await speak(backend, LISA)
        assert await speak(backend, LISA) > 0 and await speak(backend, VIVIAN) > 0
        assert backend.worker_pids == workers


async def test_a_voice_is_loaded_again_where_the_worker_dies_meanwhile(start: Start, tmp_path: Path) -> None:
    left = tmp_path / "left"
    async with start(DIES.format(path=str(left))) as backend:
        left.write_text("9")
        with pytest.raises(EngineUnavailable):
            await backend.load(LISA)
        assert left.read_text() == "6"
        left.write_text("1")
        await backend.load(LISA)
        assert left.read_text() == "0" and await speak(backend, LISA) > 0


async def test_a_worker_that_says_what_is_no_message_is_replaced(start: Start, tmp_path: Path) -> None:
    left = tmp_path / "left"
    async with start(GARBLES.format(path=str(left))) as backend, asyncio.timeout(120):
        before = backend.worker_pids
        left.touch()
        await backend.load(LISA)
        assert not left.exists() and backend.worker_pids != before and await speak(backend, LISA) > 0
