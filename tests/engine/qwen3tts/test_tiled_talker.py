"""The talker where the kernel multiplies with its matrices, beside llama.cpp's own products."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from support import ggml, golden, peft
from timbre_engine import cpus
from timbre_engine.convert.config import Config
from timbre_engine.convert.synthetic import RandomCheckpoint
from timbre_engine.convert.talker import write_talker
from timbre_engine.llama import api
from timbre_engine.llama.context import Context, ContextSettings
from timbre_engine.llama.model import Adapter, Model
from timbre_engine.llama.source import SOURCES, Choice
from timbre_engine.model.manifest import Quantisation
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.options import Options

HIDDEN = 256
SIZES = {"hidden": HIDDEN, "layers": 3, "heads": 8, "kv_heads": 4, "head_dim": 32, "ffn": 512}
HEAD = slice(1024, 1024 + 3072)  # behind the text's


@pytest.fixture(scope="module")
def directory(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With `q4_k_m.gguf`, `q8_0.gguf`, wide enough for K-quants, and the adapter `lora.gguf` on all projections."""
    checkpoint = tiny_model.parent / "checkpoint"
    config = json.loads((checkpoint / "config.json").read_text())
    names = ["hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim"]
    config["talker_config"] |= dict(zip([*names, "intermediate_size"], SIZES.values(), strict=True))
    made = tmp_path_factory.mktemp("wide")
    for kind in (Quantisation.Q4_K_M, Quantisation.Q8_0):
        path = made / f"{kind.value.lower()}.gguf"
        write_talker(RandomCheckpoint(checkpoint, config), Config(config), kind, path, lambda _: None, "auto")
    weights = peft.tensors(*peft.shapes(SIZES), rank=8, layers=SIZES["layers"], sizes=SIZES)
    small = {name: tensor * np.float32(0.05) for name, tensor in weights.items()}
    peft.exported(made / "adapter", peft.write_base(made / "base", SIZES), small, r=8, target_modules=[*_PROJECTIONS])
    return made


_PROJECTIONS = [name.rpartition(".")[2] for name in peft.shapes(SIZES)]


@pytest.fixture(scope="module")
def weights() -> int:
    """Where matrices go for the kernel to multiply with."""
    return ggml.kernel_s()


@pytest.fixture(scope="module")
def models(directory: Path, weights: int) -> Iterator[list[Model]]:
    """By llama.cpp alone, and with the kernel."""
    made = [Model(api.library(), directory / "q4_k_m.gguf", weights=way) for way in (None, weights)]
    assert [model.tiled for model in made] == [False, True]
    yield made
    for model in made:
        model.close()


def hidden(model: Model, adapters: list[tuple[Adapter, float]], streams: int = 1) -> NDArray[np.float32]:
    """States of the steps of some streams, each after a prefix of its own: [steps, streams, hidden]."""
    context = Context(model, ContextSettings(sequences=streams, positions=64, threads=1))
    context.set_adapters(adapters)
    vectors = np.random.default_rng(3).standard_normal((20, streams, HIDDEN), np.float32)
    for stream in range(streams):
        context.prefill(stream, 0, vectors[: 10 + stream, stream])
    places = [10 + stream for stream in range(streams)]
    found = []
    for step in range(6):
        states, logits = context.step(range(streams), [place + step for place in places], vectors[step], HEAD)
        assert np.isfinite(logits).all()
        found.append(states)
    context.close()
    return np.array(found)


def difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


@pytest.mark.parametrize("streams", [1, 3])
def test_it_says_what_llama_cpp_says(models: list[Model], directory: Path, streams: int) -> None:
    """Alone and with an adapter, whose matrices come to lie beside the kernel's."""
    ways = []
    for model in models:
        adapter = Adapter(model, directory / "adapter" / "out.gguf")
        ways.append((hidden(model, [], streams), hidden(model, [(adapter, 1.0)], streams)))
        adapter.close()
    (theirs, theirs_adapted), (ours, ours_adapted) = ways
    assert difference(ours, theirs) < 0.01
    assert difference(ours_adapted, theirs_adapted) < 0.02
    assert difference(ours_adapted, ours) > 0.1


def test_the_same_each_time(models: list[Model]) -> None:
    np.testing.assert_array_equal(hidden(models[1], []), hidden(models[1], []))


def test_other_types_stay_llama_cpp_s(directory: Path, weights: int) -> None:
    model = Model(api.library(), directory / "q8_0.gguf", weights=weights)
    assert not model.tiled
    assert np.isfinite(hidden(model, [])).all()
    model.close()


@pytest.mark.parametrize(
    ("threads", "processors", "extensions", "tiled"),
    [
        (0, 2, ["AVX2"], True),
        (1, 2, ["AVX2"], False),
        (0, 8, ["AVX2"], False),
        (0, 2, ["AVX2", "AVX512_VNNI"], False),
    ],
)
def test_threads_that_are_asked_for_and_wider_registers_are_llama_cpp_s(
    directory: Path,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    threads: int,
    processors: int,
    extensions: list[str],
    tiled: bool,
) -> None:
    for path in tiny_model.iterdir():
        (tmp_path / path.name).symlink_to(directory / "q4_k_m.gguf" if path.name == "talker.gguf" else path)
    monkeypatch.setattr(cpus, "available", lambda: processors)
    monkeypatch.setattr(api, "instructions", lambda _: extensions)
    machine = Machine(Options(model=tmp_path, adapters=tmp_path, slots=1, threads=threads))
    assert machine.model.tiled == tiled
    machine.close()


ALONE = """
import sys
import numpy as np
from pathlib import Path
from timbre_engine.kernels import talker
from timbre_engine.llama import api
from timbre_engine.llama.context import Context, ContextSettings
from timbre_engine.llama.model import Model

library = api.library(sys.argv[1])
for weights in None, talker.weights(library):
    context = Context(model := Model(library, Path(sys.argv[2]), weights=weights), ContextSettings(
        sequences=1, positions=64, threads=1))
    vectors = np.random.default_rng(0).standard_normal((12, model.hidden), np.float32)
    context.prefill(0, 0, vectors[1:])
    hidden, _ = context.step([0], [11], vectors[:1], slice(1024, 1025))
    print(int(model.tiled), *hidden[0])
"""


@pytest.mark.parametrize("library", SOURCES)
def test_both_libraries_take_the_kernel(directory: Path, weights: int, library: Choice) -> None:
    """Each in a process of its own, as one loads one of the two."""
    del weights
    golden.skip_unless_there(library)
    command = [sys.executable, "-c", ALONE, library, str(directory / "q4_k_m.gguf")]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs, ours = np.loadtxt(told.stdout.splitlines())
    assert (theirs[0], ours[0]) == (0, 1)
    assert difference(ours[1:], theirs[1:]) < 0.01
