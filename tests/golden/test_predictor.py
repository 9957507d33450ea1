"""The code predictor against the official implementation's answers, and against plain float64 numpy."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from support import golden
from support.predictors import WAYS, AnyPredictor, Load, by_the_kernel
from support.qwen3 import PREFIX, Reference
from timbre_common.errors import InvalidInput, SetupError
from timbre_engine.convert.blocks import quantise
from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.predictor import write_predictor
from timbre_engine.convert.synthetic_predictor import predictor_tensors
from timbre_engine.convert.weights import STORAGE
from timbre_engine.model.manifest import Quantisation, Sampling, Transformer
from timbre_engine.qwen3tts.compiled_predictor import compiled
from timbre_engine.qwen3tts.predictor import Predictor
from timbre_engine.qwen3tts.sampling import Draw, sample

TINY = Transformer(
    hidden=128, layers=2, heads=4, kv_heads=2, head_dim=32, ffn=256, rope_theta=1_000_000.0, norm_eps=1e-6
)
WIDE = 192
"""A talker wider than the predictor, as in the 1.7B."""

GREEDY = Sampling(temperature=0)
CASES = [name for name in golden.cases() if f"{name}.first_hidden" in golden.answers()]

Array = NDArray[np.float32]


def greedy(batch: int) -> list[Draw]:
    return [Draw(GREEDY, np.random.default_rng(0))] * batch


def best(_number: int, logits: NDArray[np.float64]) -> int:
    return int(logits.argmax())


def inputs(batch: int, width: int = TINY.hidden, seed: int = 3) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    hidden, embedding = random.standard_normal((2, batch, width), dtype=np.float32)
    return hidden, embedding


def write(directory: Path, tensors: Mapping[str, Array]) -> Checkpoint:
    directory.mkdir()
    save_file(dict(tensors), directory / "model.safetensors")
    (directory / "config.json").write_text("{}")
    return Checkpoint(directory)


@pytest.fixture(scope="module")
def weights(checkpoint: Path) -> dict[str, Array]:
    read = Checkpoint(checkpoint)
    return {name: read.take(name) for name in read.names if name.startswith(PREFIX)}


@pytest.fixture(scope="module")
def codec_embedding(checkpoint: Path) -> Array:
    return Checkpoint(checkpoint).take("talker.model.codec_embedding.weight")


@pytest.fixture(scope="module")
def reference(weights: dict[str, Array]) -> Reference:
    return Reference(weights, TINY)


@pytest.fixture(scope="module", params=WAYS)
def load(request: pytest.FixtureRequest) -> Load:
    return WAYS[request.param]


@pytest.fixture(scope="module")
def predictor(load: Load, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> AnyPredictor:
    path = tmp_path_factory.mktemp("predictor") / "predictor.onnx"
    write_predictor(Checkpoint(checkpoint), TINY.hidden, TINY, Quantisation.F32, path)
    return load(path, TINY.hidden, TINY)


@pytest.mark.parametrize("case", CASES)
def test_first_frame_is_the_official_one(
    predictor: AnyPredictor, weights: dict[str, Array], codec_embedding: Array, case: str
) -> None:
    hidden, frame = golden.answers()[f"{case}.first_hidden"], golden.answers()[f"{case}.codes"][0]
    codes, total = predictor.predict(hidden[None], codec_embedding[frame[:1]], greedy(1))
    assert codes.dtype == np.int32 and codes[0].tolist() == frame[1:].tolist()
    rows = [weights[f"{PREFIX}model.codec_embedding.{number}.weight"][frame[number + 1]] for number in range(15)]
    np.testing.assert_allclose(total[0], np.sum(rows, axis=0), atol=1e-5)


def test_reference_gives_the_official_frame(reference: Reference, codec_embedding: Array) -> None:
    hidden, frame = golden.answers()[f"{CASES[0]}.first_hidden"], golden.answers()[f"{CASES[0]}.codes"][0]
    assert reference.frame(hidden, codec_embedding[frame[0]], best)[0] == frame[1:].tolist()


def test_any_frame_is_the_reference_s(predictor: AnyPredictor, reference: Reference) -> None:
    hidden, embedding = inputs(12)
    for row in range(12):
        expected, expected_sum = reference.frame(hidden[row], embedding[row], best)
        codes, total = predictor.predict(hidden[row : row + 1], embedding[row : row + 1], greedy(1))
        assert codes[0].tolist() == expected
        np.testing.assert_allclose(total[0], expected_sum, atol=1e-5)


@pytest.mark.parametrize("batch", [2, 3, 4])
def test_a_batch_gives_what_each_stream_gets_alone(predictor: AnyPredictor, batch: int) -> None:
    hidden, embedding = inputs(batch, seed=batch)
    settings = [Sampling(), GREEDY, Sampling(temperature=1.3, top_k=0, top_p=0.8), Sampling(top_k=5)][:batch]

    def draws() -> list[Draw]:
        return [Draw(each, np.random.default_rng(seed)) for seed, each in enumerate(settings)]

    codes, total = predictor.predict(hidden, embedding, draws())
    for row, draw in enumerate(draws()):
        alone, alone_sum = predictor.predict(hidden[row : row + 1], embedding[row : row + 1], [draw])
        assert alone[0].tolist() == codes[row].tolist()
        np.testing.assert_allclose(alone_sum[0], total[row], atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        Sampling(),
        Sampling(top_k=1),
        Sampling(top_k=0),
        Sampling(top_k=0, top_p=0.7),
        Sampling(top_p=0.3),
        Sampling(temperature=2.5, top_k=2048),
        Sampling(temperature=0.2, top_k=3, top_p=0.9),
    ],
)
def test_draws_as_the_pure_function_does(predictor: AnyPredictor, reference: Reference, settings: Sampling) -> None:
    hidden, embedding = inputs(1)
    draw, again = (Draw(settings, np.random.default_rng(11)) for _ in range(2))
    for _ in range(4):
        uniforms = again.uniform(15)

        def choose(number: int, logits: NDArray[np.float64], uniforms: Array = uniforms) -> int:
            return sample(logits.astype(np.float32), settings, uniform=float(uniforms[number]))

        codes, _ = predictor.predict(hidden, embedding, [draw])
        assert codes[0].tolist() == reference.frame(hidden[0], embedding[0], choose)[0]


def test_a_wider_talker_goes_through_the_projection(load: Load, tmp_path: Path) -> None:
    tensors = predictor_tensors(WIDE, TINY, seed=5)
    path = tmp_path / "predictor.onnx"
    checkpoint = write(tmp_path / "checkpoint", tensors)
    write_predictor(checkpoint, WIDE, TINY, Quantisation.F32, path)
    checkpoint.refuse_unused()
    hidden, embedding = inputs(2, WIDE)
    codes, total = load(path, WIDE, TINY).predict(hidden, embedding, greedy(2))
    for row in range(2):
        expected, expected_sum = Reference(tensors, TINY).frame(hidden[row], embedding[row], best)
        assert codes[row].tolist() == expected
        np.testing.assert_allclose(total[row], expected_sum, atol=1e-5)


@pytest.mark.parametrize(
    ("form", "agreement", "divergence"),
    [
        (Quantisation.F16, 0.95, 1e-4),
        (Quantisation.Q8_0, 0.9, 1e-3),
        (Quantisation.Q4_K_M, 0.6, 0.1),
        (Quantisation.Q4_0, 0.6, 0.1),
    ],
)
def test_a_smaller_form_says_nearly_the_same(
    checkpoint: Path,
    tmp_path: Path,
    weights: dict[str, Array],
    reference: Reference,
    load: Load,
    form: Quantisation,
    agreement: float,
    divergence: float,
) -> None:
    path = tmp_path / "predictor.onnx"
    write_predictor(Checkpoint(checkpoint), TINY.hidden, TINY, form, path)
    if load is by_the_kernel and form in (Quantisation.F16, Quantisation.Q8_0):
        assert compiled(path, TINY.hidden, TINY) is None
        return
    predictor = load(path, TINY.hidden, TINY)
    rounded = Reference({name: round_trip(name, each, form) for name, each in weights.items()}, TINY)
    hidden, embedding = inputs(40)
    first = predictor.predict(hidden, embedding, greedy(40))[0][:, 0]
    same, divergences = [], []
    for row in range(40):
        pair = np.stack([hidden[row], embedding[row]]).astype(np.float64)
        exact, near = (
            each.hidden_states(pair)[-1] @ each.weights[f"{PREFIX}lm_head.0.weight"].T for each in (reference, rounded)
        )
        same.append(exact.argmax() == first[row])
        p, q = (log_softmax(each) for each in (exact, near))
        divergences.append(np.sum(np.exp(p) * (p - q)))
    print(f"{form}: top-1 agreement {np.mean(same):.3f}, mean KL {np.mean(divergences):.2e}")
    assert np.mean(same) >= agreement
    assert np.mean(divergences) <= divergence


def round_trip(name: str, weight: Array, form: Quantisation) -> Array:
    """A weight as the form keeps it; norms stay."""
    if weight.ndim == 1:
        return weight
    storage = STORAGE[form]
    if storage.bits == 16:
        return weight.astype(np.float16).astype(np.float32)
    if "embedding" in name:
        return quantise(weight, 8, 32).values
    return quantise(weight, storage.bits, storage.block).values


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max()
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return result


def test_an_unfit_shape_or_setting_is_named(predictor: AnyPredictor) -> None:
    hidden, embedding = inputs(2)
    with pytest.raises(InvalidInput, match="hidden"):
        predictor.predict(hidden[:1], embedding, greedy(2))
    with pytest.raises(InvalidInput, match="code0_embedding"):
        predictor.predict(hidden, embedding.astype(np.float64), greedy(2))
    draw = Draw(Sampling(repetition_penalty=1.1), np.random.default_rng(0))
    with pytest.raises(InvalidInput, match="repetition_penalty"):
        predictor.predict(hidden, embedding, [draw, draw])


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    tensors = predictor_tensors(TINY.hidden, TINY, seed=5)
    name = f"{PREFIX}lm_head.7.weight"
    del tensors[name]
    with pytest.raises(InvalidInput, match=name):
        write_predictor(
            write(tmp_path / "checkpoint", tensors), TINY.hidden, TINY, Quantisation.F32, tmp_path / "predictor.onnx"
        )


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictor.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(SetupError, match=r"predictor\.onnx"):
        Predictor(path)
