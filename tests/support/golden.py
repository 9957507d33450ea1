"""The golden data: a tiny checkpoint that a script makes, and what the official implementation answered on it."""

import json
import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from support import peft
from support.process import BIN
from timbre_engine.llama.source import Choice

DATA = Path(__file__).parents[1] / "golden" / "data"
LIBRARY: Final = cast(Choice, os.environ.get("TIMBRE_ENGINE_LLAMA_LIBRARY", "auto"))
"""What the suite runs over; `make native` sets it."""


_ADAPTED: Final = r".*talker\.(model\.layers\.\d+\.self_attn|code_predictor\.model\.layers\.\d+\.\w+)\.\w+_proj"


def skip_unless_there(library: Choice) -> None:
    """Skip a test over a library that was not built."""
    if library == "native" and find_spec("llama_cpp") is None:
        pytest.skip("llama.cpp's library was not built: make native builds it and runs these tests")


@cache
def answers() -> dict[str, NDArray[Any]]:
    """`CASE.codes`, `CASE.first_logits`, `CASE.first_hidden`, `codec.codes`, `codec.pcm`."""
    with np.load(DATA / "golden.npz") as file:
        return dict(file)


@cache
def cases() -> dict[str, dict[str, Any]]:
    """What was asked, by case."""
    found: dict[str, dict[str, Any]] = json.loads((DATA / "golden.json").read_text())
    return found


def make_checkpoint(directory: Path) -> Path:
    """Write the tiny checkpoint in Hugging Face layout."""
    subprocess.run([sys.executable, DATA / "make_checkpoint.py", directory], check=True)
    return directory


def make_adapter(directory: Path, seed: int = 7) -> Path:
    """Write a PEFT adapter for it; that of the golden answers is seed 7's."""
    subprocess.run([sys.executable, DATA / "make_lora.py", directory, str(seed)], check=True)
    return directory


def make_predictor_adapter(directory: Path, seed: int, beside: Path | None = None) -> Path:
    """Write a PEFT adapter of the tiny checkpoint's code predictor, with the talker's of another directory `beside`."""
    sizes = {"hidden": 128, "layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 32, "ffn": 256}
    random = np.random.default_rng(seed)
    weights = load_file(beside / "adapter_model.safetensors") if beside else {}
    for name, tensor in peft.tensors(
        *peft.SHAPES, rank=16, layers=2, prefix=peft.PREDICTOR_PREFIX, sizes=sizes
    ).items():
        weights[name] = random.standard_normal(tensor.shape, np.float32) / np.float32(np.sqrt(tensor.shape[1]))
    return peft.write_adapter(directory, weights, r=16, lora_alpha=32, target_modules=_ADAPTED)


def export_adapter(adapter: Path, model_dir: Path, out: str) -> Path:
    """Write the PEFT adapter as GGUF in float32, below the model directory."""
    path = model_dir / out
    command = map(str, [BIN / "timbre-loras", "export", adapter, "-o", path, "--base", model_dir, "--dtype", "f32"])
    subprocess.run(list(command), check=True, stdout=subprocess.DEVNULL)
    return path
