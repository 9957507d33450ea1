"""Which of llama.cpp's libraries is taken, and its quantisers."""

from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pytest
from gguf import GGMLQuantizationType
from gguf.quants import dequantize

from support import golden
from support.process import run
from timbre_common.errors import SetupError
from timbre_engine.llama import native, prebuilt, processor, source
from timbre_engine.llama.quantise import quantise
from timbre_engine.llama.source import Choice
from timbre_engine.qwen3tts.backend import Qwen3TTSBackend
from timbre_engine.qwen3tts.options import Options

BOTH = {prebuilt.PACKAGE: prebuilt.RELEASE, native.PACKAGE: native.RELEASE}


def choose(wanted: Choice, packages: dict[str, str]) -> str:
    def installed(package: str) -> str:
        try:
            return packages[package]
        except KeyError:
            raise PackageNotFoundError(package) from None

    return source.choose(wanted, installed).package


@pytest.mark.parametrize(
    ("wanted", "without", "taken"),
    [
        ("auto", "", prebuilt.PACKAGE),
        ("auto", prebuilt.PACKAGE, native.PACKAGE),
        ("prebuilt", native.PACKAGE, prebuilt.PACKAGE),
        ("native", "", native.PACKAGE),
    ],
)
def test_what_is_taken(wanted: Choice, without: str, taken: str) -> None:
    assert choose(wanted, {name: release for name, release in BOTH.items() if name != without}) == taken


@pytest.mark.parametrize(
    ("wanted", "packages", "words"),
    [
        ("auto", {}, ["`qwen3tts`", "`native`"]),
        ("native", {prebuilt.PACKAGE: prebuilt.RELEASE}, ["`native`"]),
        ("prebuilt", {native.PACKAGE: native.RELEASE}, ["`qwen3tts`"]),
        ("native", {native.PACKAGE: "0.3.1"}, ["0.3.1", native.RELEASE]),
    ],
)
def test_what_is_missing_is_named(wanted: Choice, packages: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SetupError) as caught:
        choose(wanted, packages)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(("wanted", "file"), [("prebuilt", "xllamacpp.abi3.so"), ("native", "libllama.so")])
async def test_the_worker_computes_with_what_was_asked_for(wanted: Choice, file: str, tiny_model: Path) -> None:
    golden.skip_unless_there(wanted)
    backend = Qwen3TTSBackend(Options(model=tiny_model, adapters=tiny_model, slots=1, llama_library=wanted))
    await backend.start()
    mapped = {Path(each.path).name for pid in backend.worker_pids for each in psutil.Process(pid).memory_maps()}
    await backend.close()
    assert mapped & {"xllamacpp.abi3.so", "libllama.so"} == {file}


@pytest.mark.parametrize(
    "command",
    [
        "codes MODEL --text Oui. --frames 1",
        "score MODEL --against MODEL --frames 1",
        "adapter-effect MODEL MODEL/adapters/lisa.gguf",
        "convert MODEL/../checkpoint NEW --quant Q8_0",
    ],
)
def test_every_command_that_computes_does_so_with_what_was_asked_for(
    command: str, tiny_model: Path, tmp_path: Path
) -> None:
    words = [word.replace("MODEL", str(tiny_model)).replace("NEW", str(tmp_path / "new")) for word in command.split()]
    done = run("timbre-engine", *words, "--llama-library", "native")
    if find_spec("llama_cpp"):
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 1 and "install the extra `native`" in done.stderr


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (GGMLQuantizationType.Q8_0, 0.01),
        (GGMLQuantizationType.Q6_K, 0.03),
        (GGMLQuantizationType.Q5_0, 0.06),
        (GGMLQuantizationType.Q4_K, 0.09),
        (GGMLQuantizationType.Q4_0, 0.12),
    ],
)
def test_quantised_weights_are_near_the_weights(kind: GGMLQuantizationType, error: float) -> None:
    weights = np.random.default_rng(0).standard_normal((64, 512), np.float32)
    stored = quantise(weights, kind, golden.LIBRARY)
    assert error / 3 < np.std(dequantize(stored, kind) - weights) < error


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        ("fpu sse2 avx avx2 bmi1 bmi2 f16c fma", []),
        ("fpu sse2 ssse3 sse4_2 avx", ["avx2", "bmi2", "f16c", "fma"]),
        ("fpu avx avx2 avx512_bmi2 f16c fma", ["bmi2"]),
    ],
)
def test_a_processor_that_is_too_old_for_the_prebuilt_library_is_refused(
    tmp_path: Path, flags: str, missing: list[str]
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t:\n")
    assert processor.missing(cpuinfo.read_text()) == missing
    processor.check("aarch64", cpuinfo)
    if missing:
        with pytest.raises(SetupError, match=", ".join(missing)):
            processor.check("x86_64", cpuinfo)
    else:
        processor.check("x86_64", cpuinfo)
