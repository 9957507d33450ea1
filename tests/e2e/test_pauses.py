"""Pauses that an agent writes, from Redis to listeners, on both backends."""

from pathlib import Path

import pytest

from support import golden
from support.house import House, lone_speech, message
from support.sound import longest_silence
from timbre_common.documents import Voice, VoicesDocument
from timbre_common.voiceprofile import Sampling
from timbre_engine.convert import pipeline
from timbre_engine.model.manifest import Quantisation

PIECES = ["Oui.", " [pau", "se:0", ".5s] Non", "."]
CLEANED = "Oui. [pause:0.5s] Non."


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tiny")
    checkpoint = golden.make_checkpoint(directory / "checkpoint")
    pipeline.convert(checkpoint, directory / "model", Quantisation.F32, lambda _: None)
    return directory / "model"


async def check(house: House) -> None:
    """What is heard is silent for as long as was asked, and neither captions nor what agents learn hold the mark."""
    pcm, marks = await lone_speech(house.engine.url, "lisa", CLEANED)
    assert "[pause:0.5s]" in marks and abs(longest_silence(pcm) - 12_000) <= 2_400
    async with house.listener() as listener:
        chunks = [message("lisa", each, "narrative.chunk", correlation_id="c") for each in PIECES]
        whole = message("lisa", "".join(PIECES), "narrative.text", correlation_id="c")
        await house.publish(*chunks, whole)
        start = await listener.next("audio.start")
        await listener.next("audio.done", context_id=start["context_id"])
        assert listener.heard(start["context_id"]) == (0, pcm)
        assert listener.spoken(start["context_id"]).strip() == "Oui. Non."


async def test_the_demonstration_voice_pauses() -> None:
    async with House() as house:
        await check(house)


async def test_the_speech_model_pauses(tiny_model: Path) -> None:
    voice = Voice(name="lisa", languages=["fr"], speaker="vivian", sampling=Sampling(temperature=0))
    async with House([f"--model={tiny_model}", "--exact"]) as house:
        await house.engine.put_voices(VoicesDocument(generation=2, voices=[voice]))
        await check(house)
