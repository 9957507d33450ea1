"""The code predictor with adapters of its own, against plain float64 numpy over the changed weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from support.predictors import WAYS, AnyPredictor
from support.qwen3 import PREFIX, Reference
from timbre_common import adapters
from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.predictor import write_predictor
from timbre_engine.model.manifest import Quantisation, Sampling, Transformer
from timbre_engine.qwen3tts.adapted_predictor import AdaptedPredictor
from timbre_engine.qwen3tts.lanes import AppliedAdapter, LaneKey
from timbre_engine.qwen3tts.sampling import Draw

Array = NDArray[np.float32]

TINY = Transformer(
    hidden=128, layers=2, heads=4, kv_heads=2, head_dim=32, ffn=256, rope_theta=1_000_000.0, norm_eps=1e-6
)
ALPHA = 6.0
ADAPTERS = {
    "few": {(0, "q_proj"): 3, (0, "v_proj"): 5},
    "all": {(layer, target): 2 for layer in range(TINY.layers) for target in adapters.TARGETS},
}
"""Adapter -> its rank at each place."""


def tensors(name: str) -> dict[str, Array]:
    """An adapter's, as its file has them."""
    random = np.random.default_rng(len(ADAPTERS[name]))
    found = {}
    for (layer, module), rank in ADAPTERS[name].items():
        target = adapters.TARGETS[module]
        out, into = adapters.weight_shape(target, TINY)
        for half, shape in (("a", (rank, into)), ("b", (out, rank))):
            scaled = random.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(shape[1]))
            found[adapters.tensor_name(layer, target, half)] = scaled
    return found


@pytest.fixture(scope="module")
def weights(checkpoint: Path) -> dict[str, Array]:
    read = Checkpoint(checkpoint)
    return {name: read.take(name) for name in read.names if name.startswith(PREFIX)}


def changed(weights: dict[str, Array], key: LaneKey) -> Reference:
    """The weights with what adapters add."""
    found = {name: weight.astype(np.float64) for name, weight in weights.items()}
    for used in key:
        mine = tensors(used.digest)
        for (layer, module), rank in ADAPTERS[used.digest].items():
            target = adapters.TARGETS[module]
            part = "self_attn" if target.startswith("attn") else "mlp"
            a, b = (mine[adapters.tensor_name(layer, target, half)].astype(np.float64) for half in "ab")
            found[f"{PREFIX}model.layers.{layer}.{part}.{module}.weight"] += used.scale * ALPHA / rank * (b @ a)
    return Reference(cast(dict[str, Array], found), TINY)


@pytest.fixture(scope="module", params=WAYS)
def predictor(
    request: pytest.FixtureRequest, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> AnyPredictor:
    path = tmp_path_factory.mktemp("predictor") / "predictor.onnx"
    write_predictor(Checkpoint(checkpoint), TINY.hidden, TINY, Quantisation.F32, path)
    return WAYS[request.param](path, TINY.hidden, TINY)


@pytest.fixture
def adapted(predictor: AnyPredictor) -> AdaptedPredictor:
    """With every adapter in memory."""
    adapted = AdaptedPredictor(predictor, TINY)
    for name in ADAPTERS:
        adapted.hold(name, ALPHA, tensors(name))
    return adapted


def key(**scales: float) -> LaneKey:
    return tuple(AppliedAdapter(name, scale, cast(Any, None)) for name, scale in scales.items())


def inputs(batch: int) -> tuple[Array, Array]:
    hidden, embedding = np.random.default_rng(batch).standard_normal((2, batch, TINY.hidden), dtype=np.float32)
    return hidden, embedding


def draws(batch: int) -> list[Draw]:
    return [Draw(Sampling(temperature=0), np.random.default_rng(0))] * batch


PLAIN, FEW, ALL, BLEND = key(), key(few=1.0), key(all=-0.5), key(few=0.7, all=0.3)


@pytest.mark.parametrize("keys", [[FEW], [ALL, ALL, ALL], [BLEND, FEW, ALL, BLEND], [FEW, PLAIN, ALL, PLAIN]])
def test_a_frame_is_that_of_the_changed_weights(
    adapted: AdaptedPredictor, weights: dict[str, Array], keys: Sequence[LaneKey]
) -> None:
    hidden, embedding = inputs(len(keys))
    codes, total = adapted.predict(hidden, embedding, draws(len(keys)), keys)
    for row, each in enumerate(keys):
        expected, expected_sum = changed(weights, each).frame(hidden[row], embedding[row], lambda _, x: int(x.argmax()))
        assert codes[row].tolist() == expected
        np.testing.assert_allclose(total[row], expected_sum, atol=1e-5)


def test_streams_without_one_get_the_very_same_numbers(predictor: AnyPredictor, adapted: AdaptedPredictor) -> None:
    hidden, embedding = inputs(4)
    for key_of_none in (PLAIN, key(few=0.0), key(of_the_talker=1.0)):
        keys = [FEW, key_of_none, ALL, key_of_none]
        codes, total = adapted.predict(hidden, embedding, draws(4), keys)
        alone, alone_sum = predictor.predict(hidden[1::2], embedding[1::2], draws(2))
        np.testing.assert_array_equal(codes[1::2], alone)
        np.testing.assert_array_equal(total[1::2], alone_sum)
        assert (codes[::2] != predictor.predict(hidden, embedding, draws(4))[0][::2]).any(axis=1).all()


def test_what_was_released_is_not_applied(predictor: AnyPredictor, adapted: AdaptedPredictor) -> None:
    hidden, embedding = inputs(1)
    plain = predictor.predict(hidden, embedding, draws(1))[0]
    assert (adapted.predict(hidden, embedding, draws(1), [FEW])[0] != plain).any()
    adapted.release("few")
    np.testing.assert_array_equal(adapted.predict(hidden, embedding, draws(1), [FEW])[0], plain)
    adapted.hold("few", ALPHA, tensors("all"))
    again = adapted.predict(hidden, embedding, draws(1), [FEW])[0]
    np.testing.assert_array_equal(again, adapted.predict(hidden, embedding, draws(1), [key(all=1.0)])[0])
