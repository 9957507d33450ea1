"""The library with kernels for many processors takes the right ones, and speaks the official codes with them.

QEMU's user mode computes as the processor that it is told. It has none with AVX-512 or AVX-VNNI.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support import golden
from support.process import BIN

CASE = "lora_stream_french_vivian"
AVX2 = {"AVX", "AVX2", "BMI2", "F16C", "FMA"}
PROGRAM = "import logging; logging.basicConfig(level='INFO'); from timbre_engine.cli import app; app()"


@pytest.fixture(scope="module")
def library() -> Path:
    """The folder of the library and its kernels."""
    golden.skip_unless_there("native")
    spec = find_spec("llama_cpp")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "lib"
    if not (folder / "libggml-cpu-sse42.so").exists():
        pytest.skip("llama.cpp's library was built for one kind of processor")
    return folder


@pytest.mark.parametrize(("processor", "used"), [("Nehalem", set()), ("Haswell", AVX2)])
def test_the_codes_are_the_official_ones_on(
    processor: str, used: set[str], library: Path, model_dir: Path, adapter_file: Path
) -> None:
    qemu = shutil.which("qemu-x86_64")
    if qemu is None:
        pytest.skip("no qemu-x86_64 (apt install qemu-user): other processors are not tried")
    case = golden.cases()[CASE]
    command = [
        *(qemu, "-cpu", processor, sys.executable, "-c", PROGRAM, "codes", model_dir),
        *("--text", case["text"], "--language", case["language"], "--speaker", case["speaker"], "--lora", adapter_file),
        *("--greedy", "--frames", "16", "--json", "--llama-library", "native"),
    ]
    answer = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    assert json.loads(answer.stdout) == {"codes": golden.answers()[f"{CASE}.codes"].tolist()}
    _, _, extensions = answer.stderr.partition(" computes with ")
    assert set(extensions.splitlines()[0].split()) & AVX2 == used


def test_a_processor_that_it_has_no_kernels_for_is_said(library: Path, model_dir: Path, tmp_path: Path) -> None:
    for path in library.glob("*.so*"):
        if not path.name.startswith("libggml-cpu-"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    command = [BIN / "timbre-engine", "codes", model_dir, "--text", "Oui.", "--llama-library", "native"]
    environment = os.environ | {"LLAMA_CPP_LIB_PATH": str(tmp_path)}
    answer = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1] == f"timbre-engine: no libggml-cpu-*.so in {tmp_path} is for this processor"
