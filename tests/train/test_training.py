"""Training as a whole: recordings of a secret teacher, a student, and the engine that speaks as the student does."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from support import golden
from timbre_common import gguf_header
from timbre_engine.qwen3tts.machine import Machine
from timbre_loras.train import dataset
from train import recorded
from train.conftest import LAYOUTS, LEARNT, Paths
from train.recorded import Manner

WEIGHTS = "adapter_model.safetensors"


@pytest.mark.parametrize(("layout", "speaker"), LAYOUTS)
def test_every_answer_stands_where_the_engine_has_it(
    layout: str, speaker: str, asked: dict[str, Any], paths: Paths
) -> None:
    """Of what the engine says greedily, each code is the likeliest one at the position that training compares it at."""
    said = dataset.read(paths.folder / f"said_{layout}_{speaker}", 16)
    for line, found in zip(said, asked[f"{layout}_{speaker}"], strict=True):
        np.testing.assert_array_equal(found, line.codes)


def test_a_student_comes_near_its_teacher_on_lines_that_it_never_saw(asked: dict[str, Any]) -> None:
    assert asked["student"] is None
    base, teacher, student = (asked[f"loss of {who}"] for who in ("base", "teacher", "student"))
    for part in ("first", "rest"):
        assert teacher[part] < base[part] - 0.2
        assert student[part] < 0.6 * base[part] + 0.4 * teacher[part]


def test_the_engine_follows_the_student(
    asked: dict[str, Any], spoken: dict[str, NDArray[Any]], paths: Paths, machine: Machine
) -> None:
    golden.export_adapter(paths.folder / "student", paths.model, "student.gguf")
    made = recorded.say(machine, LEARNT[0], Manner(adapter="student.gguf", greedy=True, frames=12))
    np.testing.assert_array_equal(made, spoken["student"])
    assert (made != spoken["base"]).any(axis=1).mean() > 0.5


def test_the_exported_file_says_how_it_was_trained(asked: dict[str, Any], paths: Paths) -> None:
    for name, layout in (("student", "streaming"), ("whole", "full")):
        path = golden.export_adapter(paths.folder / name, paths.model, f"{name}_told.gguf")
        header = gguf_header.parse(path.read_bytes(), path.stat().st_size)
        told = {key: value.content for key, value in header.metadata.items()}
        assert (told["timbre.language"], told["timbre.text_layout"]) == (recorded.LANGUAGE, layout)
        np.testing.assert_array_equal(np.array(told["timbre.x_vector"], np.float32), recorded.x_vector())


def test_a_resumed_run_is_the_same_bit_for_bit(asked: dict[str, Any], paths: Paths) -> None:
    assert [asked[name] for name in ("whole", "stopped", "resumed")] == [None] * 3
    whole, resumed = (paths.folder / name for name in ("whole", "resumed"))
    assert (whole / WEIGHTS).read_bytes() == (resumed / WEIGHTS).read_bytes()
    assert (whole / "loss.json").read_bytes() == (resumed / "loss.json").read_bytes()
    assert not (resumed / "checkpoint.pt").exists()


def test_what_cannot_be_resumed(asked: dict[str, Any]) -> None:
    assert "there is nothing to resume" in asked["nothing to resume"]
    assert asked["other settings"] is None and "made with other settings" in asked["other seed"]
    assert asked["torn"].startswith("checkpoint.pt: it cannot be read")


def test_what_cannot_be_trained(asked: dict[str, Any]) -> None:
    assert asked["no such device"].startswith("--device: nowhere cannot be used")
    assert asked["unwritable"].endswith("checkpoint.pt/below cannot be written: Not a directory")
    assert "lacks 2 tensors, such as talker.code_predictor.lm_head.0.weight" in asked["incomplete base"]


def test_mixed_precision_learns_the_same_within_its_own(asked: dict[str, Any], paths: Paths) -> None:
    assert asked["bfloat16"] is None
    exact, mixed = (json.loads((paths.folder / name / "loss.json").read_text()) for name in ("whole", "bfloat16"))
    for one, other in zip(exact["learnt"], mixed["learnt"], strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=0.02)
    weights = load_file(paths.folder / "bfloat16" / WEIGHTS)
    assert {str(each.dtype) for each in weights.values()} == {"float32"}


def test_the_curve(asked: dict[str, Any], paths: Paths) -> None:
    curve = json.loads((paths.folder / "student" / "loss.json").read_text())
    assert [point["step"] for point in curve["learnt"]] == list(range(1, 41))
    assert [point["step"] for point in curve["held_out"]] == [0, 20, 40]
    assert (paths.folder / "student" / "loss.png").read_bytes().startswith(b"\x89PNG")
