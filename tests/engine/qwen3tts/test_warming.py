"""Prefixes are taken in beforehand: nothing is held afterwards, and what is spoken is the same."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from timbre_common.documents import Voice
from timbre_common.voiceprofile import Adapter, Sampling
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request, codes_of
from timbre_engine.qwen3tts.options import Options
from timbre_engine.qwen3tts.warming import Warming

LISA = Voice(
    name="lisa",
    languages=["fr"],
    speaker="vivian",
    adapter=Adapter(path="lisa.gguf"),
    sampling=Sampling(temperature=0),
)


@pytest.fixture
def machine(tiny_model: Path) -> Iterator[Machine]:
    machine = Machine(Options(model=tiny_model, adapters=tiny_model / "adapters", slots=1, exact=True))
    assert LISA.adapter is not None
    machine.adapters.know(LISA.adapter, machine.adapters.check(LISA.adapter))
    yield machine
    machine.close()


def spoken(machine: Machine) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return codes_of(machine, Request(voice=LISA, text="Oui, bonjour.", language="french", greedy=True, frames=12))


def test_the_same_is_spoken_and_no_prefix_is_computed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    warming = Warming(machine)
    warming.add(LISA)
    steps = 0
    while warming.pending:
        warming.step()
        steps += 1
    assert steps > 2, "by parts, so that whoever wants to speak need not wait for all of it"
    monkeypatch.setattr(machine.talker, "take_in", None)
    warmed = spoken(machine)
    monkeypatch.undo()
    machine.talker.forget(machine.adapters.check(Adapter(path="lisa.gguf")).digest)
    np.testing.assert_array_equal(spoken(machine), warmed)


def test_who_wants_to_speak_finds_the_only_slot_free(machine: Machine) -> None:
    warming = Warming(machine)
    warming.add(LISA)
    warming.step()
    warming.pause()
    assert len(spoken(machine)) == 12
    assert warming.pending


def test_a_voice_that_goes_is_taken_in_no_further(machine: Machine) -> None:
    warming = Warming(machine)
    warming.add(LISA)
    warming.step()
    warming.forget(LISA)
    assert not warming.pending
    assert LISA.adapter is not None
    machine.adapters.forget(LISA.adapter)
    assert not machine.adapters.resident()


def test_no_more_is_taken_in_than_is_kept(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timbre_engine.qwen3tts.talker.PREFIXES", 0)
    warming = Warming(machine)
    warming.add(LISA)
    warming.step()
    assert not warming.pending
    assert not machine.adapters.resident()


def test_a_voice_that_was_refused_takes_nothing_from_one_that_shares_its_file(machine: Machine) -> None:
    machine.files.forget(structs.replace(LISA, name="never-loaded"))
    machine.adapters.give_back(machine.files.take(LISA).adapters)
