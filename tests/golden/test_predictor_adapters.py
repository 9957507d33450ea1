"""Voices that adapt the code predictor, through export and the engine, on the tiny checkpoint."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from support import golden
from support.process import BIN
from timbre_common.documents import Voice
from timbre_common.errors import Unsupported
from timbre_common.voiceprofile import Adapter, Sampling
from timbre_engine.backend import Part
from timbre_engine.model.manifest import PREDICTOR
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Offline, Request, codes_of
from timbre_engine.qwen3tts.options import Options
from timbre_loras import adapter_gguf
from timbre_loras.commands.export import export
from timbre_loras.commands.merge import merge
from timbre_loras.writer import Dtype

FRAMES = 8


@pytest.fixture(scope="module")
def files(model_dir: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`talker`, the golden adapter; `both`, one of the predictor with it; `alone`, only that; `other`, two others."""
    folder = tmp_path_factory.mktemp("adapters")
    sources = {
        "talker": adapter,
        "both": golden.make_predictor_adapter(folder / "both", seed=1, beside=adapter),
        "alone": golden.make_predictor_adapter(folder / "alone", seed=1),
        "other": golden.make_predictor_adapter(folder / "other", seed=2, beside=adapter),
    }
    for name, source in sources.items():
        export(source, output=folder / f"{name}.gguf", base=model_dir, dtype=Dtype.F32)
    merge(
        *(f"{folder / name}.gguf:{weight}" for name, weight in (("both", 0.7), ("other", 0.4))),
        output=folder / "merged.gguf",
        dtype=Dtype.F32,
    )
    return folder


@pytest.fixture(scope="module")
def machine(model_dir: Path, files: Path) -> Iterator[Machine]:
    machine = Machine(Options(model=model_dir, adapters=files, slots=5, lane_slots=2, exact=True))
    yield machine
    machine.close()


def voice(name: str = "", scale: float = 1.0) -> Voice:
    """One with the adapter of that name."""
    adapter = Adapter(path=f"{name}.gguf", scale=scale) if name else None
    sampling = Sampling(temperature=0.0, repetition_penalty=1.0)
    return Voice(name=name or "plain", languages=["fr"], speaker="vivian", adapter=adapter, sampling=sampling)


def request(name: str = "", scale: float = 1.0) -> Request:
    return Request(voice=voice(name, scale), text="Bonjour à tous.", language="french", greedy=True, frames=FRAMES)


def spoken(machine: Machine, name: str = "", scale: float = 1.0) -> NDArray[np.int32]:
    return codes_of(machine, request(name, scale))


def test_the_predictor_s_codes_change_and_the_talker_s_first_stays(machine: Machine) -> None:
    plain, talker, both, alone = (spoken(machine, name) for name in ("", "talker", "both", "alone"))
    assert talker[0, 0] == both[0, 0] and (talker[0, 1:] != both[0, 1:]).any()
    assert plain[0, 0] == alone[0, 0] and (plain[0, 1:] != alone[0, 1:]).any()
    assert (spoken(machine, "both", 0.5) != both).any()


def test_scale_0_is_none(machine: Machine) -> None:
    np.testing.assert_array_equal(spoken(machine, "both", 0.0), spoken(machine))


def test_streams_beside_each_other_speak_as_alone(machine: Machine) -> None:
    names = ("", "both", "talker", "other", "both")
    expected = [spoken(machine, name) for name in names]
    offline = Offline(machine)
    numbers = [offline.join(request(name)) for name in names]
    while any(len(offline.codes(number)) < FRAMES for number in numbers):
        offline.tick()
    for number, codes in zip(numbers, expected, strict=True):
        np.testing.assert_array_equal(offline.codes(number)[:FRAMES], codes)
        offline.stop(number)
    offline.tick()


def test_a_merged_adapter_speaks_as_the_blend_does(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [Part(voice("both"), 0.7), Part(voice("other"), 0.4)]
    merged = spoken(machine, "merged")
    for part in parts:
        machine.files.know(part.voice, machine.files.check(part.voice))
    take = machine.files.take
    monkeypatch.setattr(machine.files, "take", lambda asked: take(asked, parts))
    blended = spoken(machine, "both")
    for part in parts:
        machine.files.forget(part.voice)
    np.testing.assert_array_equal(merged, blended)


def test_a_voice_that_is_gone_is_freed_with_its_last_stream(model_dir: Path, files: Path) -> None:
    machine = Machine(Options(model=model_dir, adapters=files, slots=1, exact=True))
    offline = Offline(machine)
    number = offline.join(request("alone"))
    assert machine.adapters.resident() == machine.predictor._held.keys() != set()
    machine.files.forget(voice("alone"))
    offline.tick()
    assert machine.predictor._held
    offline.stop(number)
    while not offline.finished(number):
        offline.tick()
    assert not machine.adapters.resident() and not machine.predictor._held
    machine.close()


def test_a_directory_of_before_speaks_with_every_other_voice(
    model_dir: Path, files: Path, machine: Machine, tmp_path: Path
) -> None:
    shutil.copytree(model_dir, tmp_path / "model", ignore=shutil.ignore_patterns(PREDICTOR))
    write_without_adapters(model_dir / PREDICTOR, tmp_path / "model" / PREDICTOR)
    old = Machine(Options(model=tmp_path / "model", adapters=files, slots=1, exact=True, predictor_threads=1))
    with pytest.raises(Unsupported, match="takes no adapters: convert the checkpoint again"):
        old.files.check(voice("both"))
    for name in ("", "talker"):
        np.testing.assert_array_equal(spoken(old, name), spoken(machine, name))
    old.close()


def write_without_adapters(path: Path, target: Path) -> None:
    """The predictor as a file that has no place for adapters."""
    model: Any = onnx.load(path)
    graph = model.graph
    (choice,) = (node for node in graph.node if node.op_type == "If")
    branch = next(each.g for each in choice.attribute if each.name == "else_branch")
    nodes = []
    for node in graph.node:
        if node.op_type == "If":
            made = zip(branch.output, node.output, strict=True)
            nodes += [*branch.node, *(onnx.helper.make_node("Identity", [each.name], [name]) for each, name in made)]
        else:
            nodes.append(node)
    inputs = [each for each in graph.input if not each.name.startswith(("adapted", "layers."))]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    onnx.save(model, target)


def test_verify_and_the_engine_s_word(model_dir: Path, files: Path) -> None:
    for name, talker in (("both", True), ("alone", False)):
        command = [BIN / "timbre-loras", "verify", files / f"{name}.gguf", "--base", model_dir, "--peft", files / name]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "of the code predictor's codes change 0.00% at 0, " in done.stdout
        assert ("the output changes" in done.stdout) is talker
        told = {line[10:25].strip(): line[:8].strip() for line in done.stdout.splitlines()}
        assert told == dict.fromkeys(("kind", "base", "shapes, numbers", "voice", "predictor", "PEFT", "engine"), "ok")


def test_the_effect_on_the_predictor(model_dir: Path, files: Path) -> None:
    command = [BIN / "timbre-engine", "adapter-effect", model_dir, files / "alone.gguf", "--scales", "0,0.01,1"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    none, less, more = found["predictor"]
    assert found["changes"] is None and 0 == none <= less < more <= 1
    assert found["digest"] == adapter_gguf.read(files / "alone.gguf").digest
