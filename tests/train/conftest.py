"""A tiny base, recordings on it, and what PyTorch makes of them: once for all tests, in a process of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from parity import asking
from support import golden
from timbre_engine.convert import pipeline
from timbre_engine.model.manifest import Quantisation
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.options import Options
from train import recorded
from train.recorded import Manner

RANK = 4
TARGETS = "q_proj,v_proj"
LEARNT = range(32)
HELD_OUT = range(100, 106)
LAYOUTS = [(layout, speaker) for layout in ("streaming", "full") for speaker in ("", "vivian")]


@dataclass(frozen=True, slots=True)
class Paths:
    """Where everything lies."""

    base: Path
    model: Path
    """The base converted."""
    named: Path
    """A base with named speakers; `named_model` is it converted."""
    named_model: Path
    folder: Path
    """For what the tests write."""


@pytest.fixture(scope="session")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    folder = tmp_path_factory.mktemp("train")
    found = Paths(folder / "base", folder / "model", folder / "named", folder / "named_model", folder)
    for kind, base, model in (("base", found.base, found.model), ("custom_voice", found.named, found.named_model)):
        recorded.write_base(base, kind)
        pipeline.convert(base, model, Quantisation.F32, lambda _: None)
    return found


@pytest.fixture(scope="session")
def machine(paths: Paths) -> Iterator[Machine]:
    """The engine over the base; adapters lie in the model directory."""
    made = Machine(Options(model=paths.model, adapters=paths.model, slots=1, exact=True))
    yield made
    made.close()


@pytest.fixture(scope="session")
def named(paths: Paths) -> Iterator[Machine]:
    """The engine over the base with named speakers."""
    made = Machine(Options(model=paths.named_model, adapters=paths.named_model, slots=1, exact=True))
    yield made
    made.close()


@pytest.fixture(scope="session")
def torch_side() -> None:
    """PyTorch, and the official package."""
    if not asking.STAMP.exists():
        pytest.skip("PyTorch and the official package are not installed: make .parity-venv/.made installs them")


@pytest.fixture(scope="session")
def asked(torch_side: None, paths: Paths, machine: Machine, named: Machine) -> dict[str, Any]:
    """Everything that PyTorch is asked, by name."""
    folder, base = paths.folder, paths.base
    teacher = recorded.write_teacher(folder / "teacher")
    golden.export_adapter(teacher, paths.model, "teacher.gguf")
    taught = recorded.record(machine, folder / "taught", LEARNT, Manner(adapter="teacher.gguf"))
    held_out = recorded.record(machine, folder / "held_out", HELD_OUT, Manner(adapter="teacher.gguf"))
    tasks: dict[str, tuple[str, dict[str, Any]]] = {}
    for layout, speaker in LAYOUTS:
        manner = Manner(speaker=speaker or None, streaming=layout == "streaming", greedy=True, frames=12)
        said = recorded.record(named if speaker else machine, folder / f"said_{layout}_{speaker}", range(3), manner)
        spoken_by = paths.named if speaker else base
        tasks[f"{layout}_{speaker}"] = (
            "likeliest",
            {"base": spoken_by, "folder": said, "layout": layout, "speaker": speaker},
        )

    def train(output: str, *more: str | Path) -> tuple[str, dict[str, Any]]:
        line = ("train", taught, "-o", folder / output, "--rank", RANK, "--targets", TARGETS, "--warmup", 5, *more)
        of = () if "--base" in more else ("--base", base)
        return "command", {"line": [str(each) for each in (*line, "--learning-rate", "1e-2", *of)]}

    (folder / "torn").mkdir()
    (folder / "torn" / "checkpoint.pt").write_bytes(b"torn")
    short = ("--steps", "6", "--batch", "2", "--dropout", "0.1", "--held-out", "0", "--layout", "full")
    tasks |= {
        "student": train("student", "--steps", "40", "--batch", "4", "--measure-every", "20"),
        "whole": train("whole", *short),
        "stopped": train("resumed", *short, "--stop-at", "3"),
        "resumed": train("resumed", *short, "--resume"),
        "nothing to resume": train("nothing", *short, "--resume"),
        "bfloat16": train("bfloat16", *short, "--precision", "bfloat16"),
        "other settings": train("other", *short, "--stop-at", "1"),
        "other seed": train("other", *short, "--resume", "--seed", "1"),
        "torn": train("torn", *short, "--resume"),
        "no such device": train("nowhere", *short, "--device", "nowhere"),
        "unwritable": train("torn/checkpoint.pt/below", *short),
        "incomplete base": train("nothing", *short, "--base", recorded.without_heads(base, folder / "incomplete")),
    }
    for name, adapter, rank in (("base", None, 2), ("teacher", teacher, 2), ("student", folder / "student", RANK)):
        question = {"base": base, "folder": held_out, "adapter": adapter, "rank": rank, "targets": TARGETS}
        tasks[f"loss of {name}"] = ("measure", question)
    return dict(zip(tasks, recorded.ask(folder, *tasks.values()), strict=True))


@pytest.fixture(scope="session")
def spoken(asked: dict[str, Any], paths: Paths) -> dict[str, NDArray[Any]]:
    """The greedy codes of a line that was learnt, by the official implementation: the student's, and the base's."""
    question = {
        "checkpoint": str(paths.base),
        "text": recorded.sentence(0),
        "language": recorded.LANGUAGE,
        "frames": 12,
        "penalty": 1.0,
        "streaming": True,
        "clip": {"x_vector": recorded.x_vector().tolist()},
    }
    speeches = {"base": question, "student": {**question, "adapter": str(paths.folder / "student")}}
    answers = asking.ask(paths.folder, {"speeches": speeches})
    return {name: answers[f"{name}.codes"] for name in speeches}
