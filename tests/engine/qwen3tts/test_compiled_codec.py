"""Which files the codec's kernel takes, and what becomes of its states."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from support.codecs import by_the_kernel
from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.codec import write_codec
from timbre_engine.convert.synthetic_codec import CONFIG, write_codec_checkpoint
from timbre_engine.model import manifest
from timbre_engine.model.codec import SIZES, from_property, point_name, shapes
from timbre_engine.model.onnx_constants import constants, properties
from timbre_engine.qwen3tts.codec import Codec
from timbre_engine.qwen3tts.compiled_codec import CompiledCodec, compiled
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.options import Options

Change = Callable[[Any], None]
"""Of an ONNX model."""


@pytest.fixture(scope="module")
def path(tiny_model: Path) -> Path:
    return tiny_model / manifest.CODEC


@pytest.fixture(scope="module")
def codec(path: Path) -> CompiledCodec:
    return by_the_kernel(path)


def size(name: str, value: object) -> Change:
    def change(model: Any) -> None:
        for each in model.metadata_props:
            if each.key == SIZES:
                each.value = json.dumps(json.loads(each.value) | {name: value})

    return change


def without_sizes(model: Any) -> None:
    onnx.helper.set_model_props(model, {each.key: each.value for each in model.metadata_props if each.key != SIZES})


def constant(name: str, become: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> Change:
    def change(model: Any) -> None:
        (tensor,) = (each for each in model.graph.initializer if each.name == name)
        tensor.CopyFrom(numpy_helper.from_array(become(numpy_helper.to_array(tensor)), name))

    return change


def renamed(name: str) -> Change:
    def change(model: Any) -> None:
        (tensor,) = (each for each in model.graph.initializer if each.name == name)
        tensor.name = "another"

    return change


def test_every_constant_has_its_name_and_shape(path: Path) -> None:
    found = constants(path)
    for name, shape in shapes(from_property(properties(path)[SIZES])).items():
        parts = [found[name]] if name in found else [found[point_name(name, point)] for point in range(shape[0])]
        assert sum(part.size for part in parts) == np.prod(shape), name
        assert all(part.dtype == np.float32 for part in parts), name


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(without_sizes, id="converted before there were sizes"),
        pytest.param(size("layers", 0), id="no layers"),
        pytest.param(size("theta", -1), id="a negative speed"),
        pytest.param(size("layers", 3), id="a layer more"),
        pytest.param(size("heads", 3), id="other heads"),
        pytest.param(size("head_dim", 4), id="narrow heads"),
        pytest.param(size("codebook_dim", 63), id="no whole half"),
        pytest.param(size("ratios", [2] * 5), id="more stages than there is room for"),
        pytest.param(size("rates", [8, 5, 4]), id="fewer rates than blocks"),
        pytest.param(size("rates", []), id="no blocks"),
        pytest.param(size("units_together", [2, 4, 1, 6]), id="a plain unit"),
        pytest.param(size("units_together", [2, 4, 4, 7]), id="more points than there is room for"),
        pytest.param(renamed("layers.1.down"), id="no name"),
        pytest.param(constant("layers.0.output", lambda value: value[:-1]), id="a row less"),
        pytest.param(constant("layers.0.output", lambda value: value.reshape(-1)), id="no matrix"),
        pytest.param(constant("decoder.0.bias", lambda value: value.astype(np.float16)), id="another type"),
    ],
)
def test_an_unfit_file_is_left_to_onnx_runtime(
    codec: CompiledCodec, path: Path, tmp_path: Path, change: Change
) -> None:
    model = onnx.load(path)
    change(model)
    onnx.save(model, tmp_path / "codec.onnx")
    assert compiled(tmp_path / "codec.onnx") is None


def test_no_file_and_no_model_are_left_to_onnx_runtime(codec: CompiledCodec, tmp_path: Path) -> None:
    assert compiled(tmp_path / "codec.onnx") is None
    (tmp_path / "codec.onnx").write_bytes(b"no model")
    assert compiled(tmp_path / "codec.onnx") is None


def test_a_call_changes_its_state_alone(codec: CompiledCodec) -> None:
    codes = np.random.default_rng(1).integers(0, codec.codebook_size, (6, codec.codebooks))
    state = codec.state()
    codec.decode(codes[:2], state)
    twin, third = state.copy(), state.copy()
    expected = codec.decode(codes[2:], state)
    codec.decode(codes[:3], twin)
    np.testing.assert_array_equal(codec.decode(codes[2:], third), expected)
    assert not np.array_equal(codec.decode(codes[2:], codec.state()), expected)


@pytest.mark.parametrize(("threads", "kind"), [(0, CompiledCodec), (2, Codec)])
def test_threads_that_are_asked_for_are_onnx_runtime_s(
    codec: CompiledCodec, tiny_model: Path, threads: int, kind: type
) -> None:
    machine = Machine(Options(model=tiny_model, adapters=tiny_model, slots=1, exact=True, codec_threads=threads))
    machine.close()
    assert type(machine.codec) is kind
    assert machine.codec.threads == max(1, threads)


def test_wide_products_in_slices_are_those_of_onnx_runtime(codec: CompiledCodec, tmp_path: Path) -> None:
    narrow = {"codebook_dim": 64, "hidden_size": 64, "latent_dim": 520, "num_hidden_layers": 1, "decoder_dim": 1056}
    sizes = (
        CONFIG["decoder_config"] | narrow | {"codebook_size": 64, "upsample_rates": [3, 2], "upsampling_ratios": [2]}
    )
    write_codec_checkpoint(tmp_path, CONFIG | {"decode_upsample_rate": 12, "decoder_config": sizes})
    write_codec(Checkpoint(tmp_path), tmp_path / "codec.onnx")
    kernel, runtime = by_the_kernel(tmp_path / "codec.onnx"), Codec(tmp_path / "codec.onnx")
    codes = np.random.default_rng(1).integers(0, 64, (23, 16))
    found, expected = kernel.decode(codes, kernel.state()), runtime.decode(codes, runtime.state())
    assert np.sum((found - expected) ** 2) < 1e-8 * np.sum(expected**2), "80 dB"


def test_a_file_may_go_once_it_is_loaded(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "codec.onnx"
    copy.write_bytes(path.read_bytes())
    loaded, codes = by_the_kernel(copy), np.zeros((1, 16), np.int64)
    before = loaded.decode(codes, loaded.state())
    copy.write_bytes(bytes(copy.stat().st_size))
    np.testing.assert_array_equal(loaded.decode(codes, loaded.state()), before)
