"""Merged and verified adapters in llama.cpp itself, on the tiny checkpoint."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support import golden
from support.process import run
from timbre_common.documents import Voice
from timbre_common.voiceprofile import Adapter, Sampling
from timbre_engine.backend import Part
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request, codes_of
from timbre_engine.qwen3tts.options import Options
from timbre_loras.commands.export import export
from timbre_loras.commands.merge import merge
from timbre_loras.writer import Dtype

FRAMES = 8


@pytest.fixture(scope="module")
def files(model_dir: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a.gguf and b.gguf of different speakers, and merged.gguf, the two at 0.7 and 0.3."""
    folder = tmp_path_factory.mktemp("adapters")
    sources = {"a": (adapter, "vivian"), "b": (golden.make_adapter(folder / "b", seed=8), "ryan")}
    for name, (source, speaker) in sources.items():
        export(source, output=folder / f"{name}.gguf", base=model_dir, dtype=Dtype.F32, speaker=speaker)
    parts = (f"{folder / 'a.gguf'}:0.7", f"{folder / 'b.gguf'}:0.3")
    merge(*parts, output=folder / "merged.gguf", base=model_dir, dtype=Dtype.F32)
    return folder


@pytest.fixture(scope="module")
def machine(model_dir: Path, files: Path) -> Iterator[Machine]:
    machine = Machine(Options(model=model_dir, adapters=files, slots=1, lane_slots=1, exact=True))
    yield machine
    machine.close()


def voice(name: str, speaker: str | None = None) -> Voice:
    sampling = Sampling(temperature=0.0, repetition_penalty=1.0)
    return Voice(name=name, languages=["fr"], speaker=speaker, adapter=Adapter(path=f"{name}.gguf"), sampling=sampling)


def spoken(machine: Machine, voice: Voice) -> NDArray[np.int32]:
    return codes_of(
        machine, Request(voice=voice, text="Bonjour à tous.", language="french", greedy=True, frames=FRAMES)
    )


def test_a_merged_adapter_speaks_as_the_blend_does(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    merged, alone = spoken(machine, voice("merged")), spoken(machine, voice("a", "vivian"))
    parts = [Part(voice("a", "vivian"), 0.7), Part(voice("b", "ryan"), 0.3)]
    for part in parts:
        machine.files.know(part.voice, machine.files.check(part.voice))
    take = machine.files.take
    monkeypatch.setattr(machine.files, "take", lambda asked: take(asked, parts))
    blended = spoken(machine, parts[0].voice)
    np.testing.assert_array_equal(merged, blended)
    assert (merged != alone).any()


def test_verify_tries_it_in_the_engine(model_dir: Path, adapter: Path, files: Path) -> None:
    done = run("timbre-loras", "verify", files / "a.gguf", "--base", model_dir, "--peft", adapter)
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = {line[10:25].strip(): line[:8].strip() for line in done.stdout.splitlines()}
    assert told == dict.fromkeys(("kind", "base", "shapes, numbers", "voice", "PEFT", "engine"), "ok")


def test_the_effect_follows_the_scale(model_dir: Path, files: Path) -> None:
    done = run("timbre-engine", "adapter-effect", model_dir, files / "a.gguf", "--scales", "0,0.001,0.002")
    none, less, more = json.loads(done.stdout)["changes"]
    assert none == 0 and more / less == pytest.approx(2, rel=0.05)
