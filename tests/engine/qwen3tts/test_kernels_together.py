"""The kernels beside each other: each helps with the other's products, and changes nothing in them."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from support.codecs import by_the_kernel
from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.predictor import build
from timbre_engine.convert.synthetic_predictor import predictor_tensors
from timbre_engine.convert.weights import Storage
from timbre_engine.kernels import codec as kernel
from timbre_engine.model import manifest
from timbre_engine.model.manifest import Sampling, Transformer
from timbre_engine.qwen3tts.compiled_codec import CompiledCodec
from timbre_engine.qwen3tts.compiled_predictor import CompiledPredictor, compiled
from timbre_engine.qwen3tts.decoder import Stop, Whose
from timbre_engine.qwen3tts.sampling import Draw

SIZES = Transformer(hidden=512, layers=2, heads=8, kv_heads=4, head_dim=64, ffn=1024, rope_theta=1e6, norm_eps=1e-6)
"""Wide enough for several pieces a product."""
STREAMS = 3
Arrays = list[NDArray[np.generic]]


@pytest.fixture(scope="module")
def codec(tiny_model: Path) -> CompiledCodec:
    return by_the_kernel(tiny_model / manifest.CODEC)


@pytest.fixture(scope="module")
def predictor(codec: CompiledCodec, tmp_path_factory: pytest.TempPathFactory) -> CompiledPredictor:
    directory = tmp_path_factory.mktemp("predictor")
    save_file(predictor_tensors(SIZES.hidden, SIZES, seed=1), directory / "model.safetensors")
    (directory / "config.json").write_text("{}")
    build(Checkpoint(directory), SIZES.hidden, SIZES, Storage(4, 32)).save(directory / "predictor.onnx", check=False)
    made = compiled(directory / "predictor.onnx", SIZES.hidden, SIZES)
    assert made is not None
    return made


def frames(predictor: CompiledPredictor, count: int) -> Arrays:
    """Codes and sums of embeddings of so many frames, the same each time."""
    draws = [Draw(Sampling(), np.random.default_rng(number)) for number in range(STREAMS)]
    hidden = np.random.default_rng(9).standard_normal((STREAMS, SIZES.hidden)).astype(np.float32)
    return [part for _ in range(count) for part in predictor.predict(hidden, hidden, draws)]


def helped() -> int:
    """Pieces that the codec took, and no more from now on."""
    library = kernel.library()
    assert library is not None
    return int(library.timbre_let_help(0))


def assert_the_same_beside(
    other: Callable[[], None], over: Stop, compute: Callable[[], Arrays], expected: Arrays
) -> None:
    """What is computed five times while another thread does something until it is over, to the bit."""
    beside = threading.Thread(target=other)
    beside.start()
    try:
        rounds = [compute() for _ in range(5)]
    finally:
        over.set()
        beside.join()
    for found in rounds:
        for one, right in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, right)


def test_pieces_that_the_codec_takes_are_the_same_to_the_bit(
    codec: CompiledCodec, predictor: CompiledPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "_beside", True)
    codes = np.random.default_rng(1).integers(0, codec.codebook_size, (400, codec.codebooks))
    alone, spoken = frames(predictor, 4), codec.decode(codes, codec.state())
    before, over, heard = helped(), Stop(), list[NDArray[np.float32]]()

    def speak() -> None:
        while not over.is_set():
            heard[:] = [codec.decode(codes, codec.state())]

    codec.let_help(Whose.LANGUAGE_MODELS)
    assert_the_same_beside(speak, over, lambda: frames(predictor, 4), alone)
    assert helped() > before
    np.testing.assert_array_equal(heard[0], spoken)


def test_without_help_wanted_there_is_none(codec: CompiledCodec, predictor: CompiledPredictor) -> None:
    before, over = helped(), Stop()
    codec.let_help(Whose.NOBODY)
    speaking = threading.Thread(
        target=lambda: codec.decode(np.zeros((4000, codec.codebooks), np.int64), codec.state(), over)
    )
    speaking.start()
    frames(predictor, 2)
    over.set()
    speaking.join()
    assert helped() == before


@pytest.mark.parametrize("whose", [Whose.LANGUAGE_MODELS, Whose.CODEC])
def test_a_thread_that_stands_by_takes_pieces_of_either(
    codec: CompiledCodec, predictor: CompiledPredictor, monkeypatch: pytest.MonkeyPatch, whose: Whose
) -> None:
    monkeypatch.setattr(codec, "_beside", True)
    codes = np.random.default_rng(2).integers(0, codec.codebook_size, (40, codec.codebooks))

    def compute() -> Arrays:
        return frames(predictor, 4) if whose is Whose.LANGUAGE_MODELS else [codec.decode(codes, codec.state())]

    alone, before, over = compute(), helped(), Stop()

    def stand_by() -> None:
        while not over.is_set():
            codec.stand_by(over)

    codec.let_help(whose)
    assert_the_same_beside(stand_by, over, compute, alone)
    assert helped() > before


def test_nothing_is_waited_for_without_end(codec: CompiledCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "_beside", True)
    codec.stand_by(Stop())


def test_a_call_that_is_asked_to_stop_ends_early(codec: CompiledCodec) -> None:
    stop, made = Stop(), list[int]()
    codes = np.zeros((100_000, codec.codebooks), np.int64)
    speaking = threading.Thread(target=lambda: made.append(len(codec.decode(codes, codec.state(), stop))))
    speaking.start()
    stop.set()
    speaking.join(timeout=60)
    assert made and made[0] < len(codes) * codec.samples_per_frame
    assert not len(codec.decode(codes[:4], codec.state(), stop))
