"""Both ways to compute a codec's file."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from timbre_engine.kernels import codec as kernel
from timbre_engine.qwen3tts.codec import Codec
from timbre_engine.qwen3tts.compiled_codec import CompiledCodec, compiled
from timbre_engine.qwen3tts.decoder import AnyDecoder


def by_the_kernel(path: Path) -> CompiledCodec:
    """Skips the test where it cannot be."""
    if kernel.library() is None:
        pytest.skip("the compiled codec is not here: there was no C compiler, or this is no x86-64 with AVX2")
    made = compiled(path)
    assert made is not None
    return made


WAYS: Mapping[str, Callable[[Path], AnyDecoder]] = {"ONNX Runtime": Codec, "kernel": by_the_kernel}
