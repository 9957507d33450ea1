"""What is kept of a recording that is continued: the codec's state, the prompt's beginning; and for how long."""

import queue
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from support.sound import samples
from timbre_common.documents import Voice
from timbre_common.errors import EngineUnavailable
from timbre_common.voiceprofile import Reference, Sampling
from timbre_engine.backend import Audio, Event, Finished, Reason
from timbre_engine.llama.context import Context
from timbre_engine.model import manifest
from timbre_engine.qwen3tts import references
from timbre_engine.qwen3tts.clip import Clip
from timbre_engine.qwen3tts.codec import Codec
from timbre_engine.qwen3tts.codec_jobs import Decode, Finish, Priming
from timbre_engine.qwen3tts.codec_thread import CodecThread
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request, codes_of
from timbre_engine.qwen3tts.options import Options
from timbre_engine.qwen3tts.output import Output
from timbre_engine.qwen3tts.references import References

CODES: NDArray[np.int32] = np.random.default_rng(1).integers(0, 2048, (30, 16), np.int32)


@pytest.fixture(scope="module")
def codec(tiny_model: Path) -> Codec:
    return Codec(tiny_model / manifest.CODEC)


@dataclass
class Talker:
    forgotten: list[str] = field(default_factory=list)

    def forget_reference(self, key: str) -> None:
        self.forgotten.append(key)


def clip(number: int) -> Clip:
    return Clip(x_vector=np.full(128, number, np.float32), codes=CODES, text="Bonjour.")


def wanted(number: int) -> Reference:
    return Reference(path=f"{number}.safetensors")


def test_states_are_made_once_bounded_and_dropped_with_the_last_voice(
    codec: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "STATES", 2)
    made: list[Priming] = []
    talker = Talker()
    held = References(tmp_path, cast(Any, None), codec, cast(Any, talker))
    for number in range(3):
        held.know(wanted(number), clip(number))
        held.warm(clip(number), made.append)
    assert len(made) == 2  # the third would have taken another's place
    assert held.primed(clip(0), made.append) is made[0]
    third = held.primed(clip(2), made.append)
    assert third is made[2]
    assert held.primed(clip(1), made.append) is made[3]  # it had to give way
    assert held.primed(clip(2), made.append) is third
    held.know(wanted(2), clip(2))
    held.forget(wanted(2))
    assert held.primed(clip(2), made.append) is third
    held.forget(wanted(2))
    assert talker.forgotten == [clip(2).key]
    assert held.primed(clip(2), made.append) is not third
    with pytest.raises(EngineUnavailable):
        held.clip(wanted(2))
    held.know(wanted(1), clip(7))
    assert talker.forgotten == [clip(2).key, clip(1).key]
    assert held.clip(wanted(1)).key == clip(7).key
    assert held.primed(Clip(x_vector=clip(1).x_vector), made.append) is None


def test_others_are_heard_while_a_recording_is_taken_in(codec: Codec) -> None:
    arrived: queue.Queue[tuple[int, list[Event]]] = queue.Queue()
    failed: list[BaseException] = []
    thread = CodecThread(codec, lambda number, events: arrived.put((number, events)), failed.append)
    priming = Priming(CODES, codec.state())
    channels = {1: priming, 2: None, 3: priming}
    streams = {
        number: thread.channel(number, begin, Output(0.0, 1.0), return_codes=False)
        for number, begin in channels.items()
    }
    thread.put(priming)
    for number in (1, 2, 3):
        for part in (CODES[:3], CODES[3:5]):
            thread.put(Decode(streams[number], part, [], last=False))
        thread.put(Finish(streams[number], Reason.FINISHED))
    thread.start()
    given: list[tuple[int, Event]] = []
    while sum(isinstance(event, Finished) for _, event in given) < 3:
        number, events = arrived.get(timeout=60)
        given += [(number, event) for event in events]
    assert not failed
    ends = [number for number, event in given if isinstance(event, Finished)]
    assert ends == [2, 1, 3]
    for number, before in ((1, CODES), (2, CODES[:0]), (3, CODES)):
        whole = codec.decode(np.concatenate([before, CODES[:5]]), codec.state())
        pcm = b"".join(event.pcm for each, event in given if each == number and isinstance(event, Audio))
        assert np.abs(samples(pcm) - 32767 * whole[len(before) * codec.samples_per_frame :]).max() <= 4


@pytest.mark.parametrize("streaming", [True, False])
def test_the_prompts_beginning_is_taken_in_once_and_goes_with_the_voice(
    base_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streaming: bool
) -> None:
    text = "Bonjour à vous."
    save_file({"x_vector": np.ones(128, np.float32), "codes": CODES}, tmp_path / "clip.safetensors", {"text": text})
    machine = Machine(Options(model=base_model, adapters=tmp_path, slots=1, exact=True))
    voice = Voice(
        name="clone",
        languages=["fr"],
        reference=Reference(path="clip.safetensors"),
        streaming_text=streaming,
        sampling=Sampling(temperature=0),
    )
    taken_in: list[int] = []
    prefill = Context.prefill

    def watched(context: Context, sequence: int, position: int, embeddings: NDArray[np.float32]) -> None:
        taken_in.append(len(embeddings))
        prefill(context, sequence, position, embeddings)

    monkeypatch.setattr(Context, "prefill", watched)

    def say() -> tuple[int, list[list[int]]]:
        """Positions taken in, and the codes."""
        taken_in.clear()
        codes = codes_of(machine, Request(voice=voice, text="Oui, merci.", language="french", frames=8)).tolist()
        return sum(taken_in), codes

    (whole, first), (rest, second) = say(), say()
    assert first == second
    role, language, speaker, pad = 3, 4, 1, 1
    assert whole - rest == role + language + speaker + pad + len(machine.model.tokenize(text))
    for _ in range(2):
        machine.files.forget(voice)
    assert say() == (whole, first)
    machine.close()
