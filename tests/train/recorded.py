"""A tiny base, and recordings of a secret teacher on it: the engine speaks them, so training meets its own layout."""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import load_file, save_file

from parity import checkpoints
from parity.checkpoints import Variant
from timbre_common.documents import Voice
from timbre_common.voiceprofile import Adapter, Sampling
from timbre_engine.qwen3tts.clip import Clip
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request, codes_of
from timbre_engine.qwen3tts.options import Options
from timbre_loras.train import dataset
from timbre_loras.train.dataset import Line

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ROOT / ".parity-venv" / "bin" / "python"
LANGUAGE: Final = "french"
FRAMES: Final = 32
_SURE: Final = {"talker.codec_head.weight": 4.0, "lm_head": 2.0}
"""Factors that make the tiny model sure of its codes, as a trained one is: else there is nothing to learn."""
_WORDS: Final = "le renard brun saute par dessus un chien qui dort et la nuit tombe sur toute notre ville".split()


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


def x_vector() -> Any:
    """[hidden]."""
    return 0.5 * np.random.default_rng(3).standard_normal(128, np.float32)


def sentence(number: int) -> str:
    """A line's text."""
    words = np.random.default_rng(number).permutation(_WORDS)[: 5 + number % 4]
    return " ".join(words).capitalize() + "."


def record(model: Path, adapter: Path, folder: Path, numbers: range) -> Path:
    """A dataset of what the engine says with an adapter, drawn from the whole distribution."""
    machine = Machine(Options(model=model, adapters=adapter.parent, slots=1, exact=True))
    every = Sampling(temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0)
    voice = Voice(name="teacher", languages=["fr"], adapter=Adapter(path=adapter.name), sampling=every)
    clip = Clip(x_vector=x_vector())
    lines = []
    for number in numbers:
        line = Line(name=f"line_{number}", text=sentence(number), language=LANGUAGE)
        request = Request(
            voice=voice, text=line.text, language=LANGUAGE, clip=clip, streaming_text=True, seed=number, frames=FRAMES
        )
        dataset.write_line(folder, line, codes_of(machine, request))
        lines.append(line)
    machine.close()
    dataset.write_lines(folder, lines)
    save_file({"x_vector": x_vector()}, folder / "x_vector.safetensors")
    return folder


def ask(folder: Path, *tasks: tuple[str, dict[str, Any]]) -> list[Any]:
    """What PyTorch answers; see torch_side.py."""
    asked, answers = folder / "tasks.json", folder / "answers.json"
    asked.write_text(json.dumps(tasks, default=str))
    subprocess.run([PYTHON, Path(__file__).parent / "torch_side.py", asked, answers], check=True, timeout=170)
    found: list[Any] = json.loads(answers.read_text())
    return found


