"""The runner of `timbre-engine codes`."""

from pathlib import Path

from timbre_common.documents import Voice
from timbre_common.voiceprofile import Sampling
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request, codes_of
from timbre_engine.qwen3tts.options import Options


def test_more_frames_than_a_listener_would_be_given_ahead(tiny_model: Path) -> None:
    machine = Machine(Options(model=tiny_model, adapters=tiny_model / "adapters", slots=1, exact=True))
    voice = Voice(name="vivian", languages=["fr"], speaker="vivian", sampling=Sampling(temperature=0))
    request = Request(voice=voice, text="Une phrase qui dure un certain temps. " * 4, greedy=True, frames=150)
    assert len(codes_of(machine, request)) == 150
    machine.close()
