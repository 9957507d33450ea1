"""Both ways to compute a code predictor's file."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from timbre_engine.kernels import predictor as kernel
from timbre_engine.model.manifest import Transformer
from timbre_engine.qwen3tts.compiled_predictor import CompiledPredictor, compiled
from timbre_engine.qwen3tts.predictor import Predictor

AnyPredictor = Predictor | CompiledPredictor
Load = Callable[[Path, int, Transformer], AnyPredictor]
"""Of a file, the talker's width and the predictor's sizes."""


def by_onnx_runtime(path: Path, talker_hidden: int, sizes: Transformer) -> Predictor:
    """The file says them."""
    return Predictor(path)


def by_the_kernel(path: Path, talker_hidden: int, sizes: Transformer) -> CompiledPredictor:
    """Skips the test where it cannot be."""
    if kernel.library() is None:
        pytest.skip("the compiled predictor is not here: there was no C compiler, or this is no x86-64 with AVX2")
    made = compiled(path, talker_hidden, sizes)
    assert made is not None
    return made


WAYS: Mapping[str, Load] = {"ONNX Runtime": by_onnx_runtime, "kernel": by_the_kernel}
