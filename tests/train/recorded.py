"""A tiny base, and recordings of a secret teacher on it: the engine speaks them, so training meets its own layout."""

import itertools
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from parity import checkpoints
from parity.asking import PYTHON, ROOT
from parity.checkpoints import Variant
from support import peft
from timbre_common.documents import Voice
from timbre_common.voiceprofile import Adapter, Sampling
from timbre_engine.qwen3tts.clip import Clip
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request, codes_of
from timbre_loras.train import dataset
from timbre_loras.train.dataset import Line

LANGUAGE: Final = "french"
_SURE: Final = {"talker.codec_head.weight": 4.0, "lm_head": 2.0}
"""Factors that make the tiny model sure of its codes, as a trained one is: else there is nothing to learn."""
_WORDS: Final = ["le", "renard", "brun", "saute", "par", "dessus", "un", "chien", "et", "la", "nuit", "tombe"]


def write_base(directory: Path, kind: str = "base") -> Path:
    """A checkpoint in Hugging Face layout."""
    checkpoints.write(Variant(name="voice", kind=kind, seed=5), directory, Path())
    path = directory / "model.safetensors"
    tensors = load_file(path)
    for name in tensors:
        for part, factor in _SURE.items():
            if part in name:
                tensors[name] = tensors[name] * np.float32(factor)
    save_file(tensors, path, metadata={"format": "pt"})
    return directory


def without_heads(base: Path, directory: Path) -> Path:
    """The checkpoint without two of the predictor's heads."""
    shutil.copytree(base, directory)
    tensors = load_file(base / "model.safetensors")
    for head in (0, 1):
        del tensors[f"talker.code_predictor.lm_head.{head}.weight"]
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def x_vector() -> Any:
    """[hidden]."""
    return 0.5 * np.random.default_rng(3).standard_normal(128, np.float32)


def tones(seconds: float, pitch: float, rate: int) -> NDArray[np.float64]:
    """Something like a voice, with half a second of silence before and after it."""
    time = np.arange(round(seconds * rate)) / rate
    harmonics = sum(np.sin(2 * np.pi * pitch * each * time) / each for each in range(1, 9))
    return np.pad(0.1 * harmonics * (1 + 0.5 * np.sin(2 * np.pi * 4 * time)), rate // 2)


def sentence(number: int) -> str:
    """A line's text."""
    words = np.random.default_rng(number).permutation(_WORDS)[: 5 + number % 4]
    return " ".join(words).capitalize() + "."


def write_teacher(directory: Path) -> Path:
    """A PEFT adapter of rank 2 that changes much."""
    rng = np.random.default_rng(1)
    tensors = {}
    for layer, (name, rows) in itertools.product(range(2), {"q_proj": 128, "v_proj": 64}.items()):
        place = f"{peft.PREFIX}layers.{layer}.self_attn.{name}"
        tensors[f"{place}.lora_A.weight"] = rng.standard_normal((2, 128), np.float32) / np.sqrt(np.float32(128))
        tensors[f"{place}.lora_B.weight"] = rng.standard_normal((rows, 2), np.float32)
    return peft.write_adapter(directory, tensors, r=2, lora_alpha=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How lines are spoken."""

    adapter: str | None = None
    """A file in the model directory."""
    speaker: str | None = None
    """Without one, the x-vector."""
    streaming: bool = True
    greedy: bool = False
    frames: int = 24


def say(machine: Machine, number: int, manner: Manner) -> NDArray[np.int32]:
    """The engine's codes of a line: drawn from the whole distribution, or the likeliest."""
    sampling = Sampling(temperature=0.0 if manner.greedy else 1.0, top_k=0, top_p=1.0, repetition_penalty=1.0)
    adapter = None if manner.adapter is None else Adapter(path=manner.adapter)
    request = Request(
        voice=Voice(name="voice", languages=["fr"], adapter=adapter, speaker=manner.speaker, sampling=sampling),
        text=sentence(number),
        language=LANGUAGE,
        clip=None if manner.speaker else Clip(x_vector=x_vector()),
        streaming_text=manner.streaming,
        greedy=manner.greedy,
        seed=number,
        frames=manner.frames,
    )
    return codes_of(machine, request)


def record(machine: Machine, folder: Path, numbers: range, manner: Manner) -> Path:
    """A dataset of lines as the engine says them."""
    lines = [Line(name=f"line_{number}", text=sentence(number), language=LANGUAGE) for number in numbers]
    for number, line in zip(numbers, lines, strict=True):
        dataset.write_line(folder, line, say(machine, number, manner))
    dataset.write_lines(folder, lines)
    if manner.speaker is None:
        save_file({"x_vector": x_vector()}, folder / "x_vector.safetensors")
    return folder


def ask(folder: Path, *tasks: tuple[str, dict[str, Any]]) -> list[Any]:
    """What PyTorch answers; see torch_side.py."""
    asked, answers = folder / "tasks.json", folder / "answers.json"
    asked.write_text(json.dumps(tasks, default=str))
    # That environment has what Timbre needs for training, and not Timbre.
    path = os.pathsep.join(str(ROOT / folder) for folder in ("common", "loras"))
    command = [PYTHON, Path(__file__).parent / "torch_side.py", asked, answers]
    subprocess.run(command, check=True, timeout=500, env=os.environ | {"PYTHONPATH": path})
    found: list[Any] = json.loads(answers.read_text())
    return found
