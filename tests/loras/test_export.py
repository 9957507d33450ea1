import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from support import peft
from support.peft import PREFIX, SHAPES
from timbre_loras.commands.export import export
from timbre_loras.fold import fold
from timbre_loras.peft_adapter import Pair
from timbre_loras.trained import Layout
from timbre_loras.writer import Dtype

Q, V = "self_attn.q_proj", "self_attn.v_proj"
LLAMA = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def field(reader: GGUFReader, key: str) -> Any:
    found = reader.get_field(key)
    return None if found is None else found.contents()


def deltas(path: Path) -> dict[str, Any]:
    """What llama.cpp adds to each weight at scale 1, from the file alone."""
    reader = GGUFReader(path)
    alpha = field(reader, "adapter.lora.alpha")
    halves = {tensor.name: tensor.data.astype(np.float64) for tensor in reader.tensors}
    names = {name.removesuffix(".lora_a") for name in halves if name.endswith(".lora_a")}
    return {
        name: alpha / len(halves[f"{name}.lora_a"]) * halves[f"{name}.lora_b"] @ halves[f"{name}.lora_a"]
        for name in names
    }


@pytest.mark.parametrize(
    "prefix",
    [
        "base_model.model.talker.model.",
        "base_model.model.model.",
        "base_model.model.",
        "talker.model.",
        "model.",
        "",
        "module.base_model.model.talker.model.",  # as PyTorch's DistributedDataParallel wraps
        "_orig_mod.base_model.model.talker.model.",  # as torch.compile does
    ],
)
@pytest.mark.parametrize("name", ["weight", "default.weight"])
def test_every_projection_under_every_prefix(tmp_path: Path, base: Path, prefix: str, name: str) -> None:
    weights = peft.tensors(*SHAPES, prefix=prefix)
    renamed = {f"{key.removesuffix('weight')}{name}": value for key, value in weights.items()}
    found = deltas(peft.exported(tmp_path, base, renamed))
    assert found.keys() == {f"blk.{layer}.{name}.weight" for layer in range(3) for name in LLAMA.values()}
    for layer in range(3):
        for module, llama in LLAMA.items():
            key = f"{prefix}layers.{layer}.{module}.lora_"
            expected = 2.0 * weights[f"{key}B.weight"].astype(float) @ weights[f"{key}A.weight"].astype(float)
            np.testing.assert_allclose(found[f"blk.{layer}.{llama}.weight"], expected, rtol=1e-12)


PATTERNS: list[tuple[dict[str, Any], dict[str, float]]] = [
    ({}, {"0.q": 8 / 4, "2.v": 8 / 4}),
    ({"use_rslora": True}, {"0.q": 8 / 2, "2.v": 8 / 2}),
    ({"rank_pattern": {"v_proj": 9}}, {"0.q": 8 / 4, "2.v": 8 / 9}),
    ({"rank_pattern": {"v_proj": 9}, "use_rslora": True}, {"0.q": 8 / 2, "2.v": 8 / 3}),
    ({"alpha_pattern": {"q_proj": 5}}, {"0.q": 5 / 4, "2.v": 8 / 4}),
    ({"alpha_pattern": {r"layers\.[01]\..*": 3.5}}, {"0.q": 3.5 / 4, "2.q": 8 / 4, "1.v": 3.5 / 4, "2.v": 8 / 4}),
    ({"alpha_pattern": {r"^talker.model.layers.0.self_attn.q_proj": 1}}, {"0.q": 1 / 4, "1.q": 8 / 4}),
    ({"alpha_pattern": {"proj": 1}}, {"0.q": 8 / 4}),  # PEFT matches from a dot on, not from the middle of a word
    ({"alpha_pattern": {"a.q_proj": 1, "q_proj": 2, "self_attn.q_proj": 3}}, {"0.q": 2 / 4}),  # the first that matches
    (
        {"rank_pattern": {"1.self_attn.q_proj": 1}, "alpha_pattern": {"q_proj": 16}},
        {"0.q": 16 / 4, "1.q": 16 / 1, "1.v": 8 / 4},
    ),
]


@pytest.mark.parametrize(("config", "scales"), PATTERNS, ids=lambda value: json.dumps(value) if value else "plain")
def test_patterns_and_rslora_are_folded_in(
    tmp_path: Path, base: Path, config: dict[str, Any], scales: dict[str, float]
) -> None:
    ranks: dict[str, int] = {}
    for pattern, rank in config.get("rank_pattern", {}).items():
        ranks |= {
            f"{layer}.{each}": rank for layer in range(3) for each in (Q, V) if f"{layer}.{each}".endswith(pattern)
        }
    weights = peft.tensors(Q, V, ranks=ranks)
    found = deltas(peft.exported(tmp_path, base, weights, **config))
    for place, scale in scales.items():
        layer, letter = place.split(".")
        key = f"{PREFIX}layers.{layer}.self_attn.{letter}_proj.lora_"
        expected = scale * weights[f"{key}B.weight"].astype(float) @ weights[f"{key}A.weight"].astype(float)
        np.testing.assert_allclose(found[f"blk.{layer}.attn_{letter}.weight"], expected, rtol=1e-6, atol=1e-6)


@given(
    st.lists(st.tuples(st.integers(1, 64), st.floats(0.01, 100)), min_size=1, max_size=6),
    st.integers(0, 2**32 - 1),
)
def test_the_delta_is_pefts(places: list[tuple[int, float]], seed: int) -> None:
    pairs = [
        Pair(layer, "attn_q", *peft.pair(rank, 5, 7, seed=seed), scale) for layer, (rank, scale) in enumerate(places)
    ]
    alpha, folded = fold(pairs)
    assert alpha == np.float32(alpha)
    for pair, mine in zip(pairs, folded, strict=True):
        expected = pair.scale * pair.b.astype(float)
        np.testing.assert_allclose(alpha / pair.rank * mine.b.astype(float), expected, rtol=3e-7)
        assert mine.a is pair.a


def test_what_most_pairs_want_stays_bit_for_bit(tmp_path: Path, base: Path) -> None:
    weights = peft.tensors(Q, V)
    path = peft.exported(tmp_path, base, weights, alpha_pattern={"2.self_attn.v_proj": 3})
    reader = GGUFReader(path)
    assert field(reader, "adapter.lora.alpha") == 8.0
    found = {tensor.name: tensor.data for tensor in reader.tensors}
    for name, module in (("blk.0.attn_q", Q), ("blk.1.attn_v", V)):
        layer = name.split(".")[1]
        for half in "ab":
            expected = weights[f"{PREFIX}layers.{layer}.{module}.lora_{half.upper()}.weight"]
            np.testing.assert_array_equal(found[f"{name}.weight.lora_{half}"], expected)


def test_the_file_says_what_it_is(tmp_path: Path, base: Path) -> None:
    source = peft.write_adapter(tmp_path / "peft", peft.tensors(Q, V), use_rslora=True)
    output = tmp_path / "lisa.gguf"
    export(source, output=output, base=base, agent="lisa", speaker="Vivian", language="French", licence="CC-BY-4.0")
    reader = GGUFReader(output)
    keys = [key for key in reader.fields if not key.startswith("GGUF.")]
    found = {key: field(reader, key) for key in keys}
    digest = found.pop("timbre.source.digest")
    assert found == {
        "general.type": "adapter",
        "general.architecture": "qwen3tts",
        "general.name": "lisa",
        "adapter.type": "lora",
        "adapter.lora.alpha": 16.0,
        "timbre.name": "lisa",
        "timbre.agent": "lisa",
        "timbre.base.digest": f"sha256:{peft.TALKER_SHA256}",
        "timbre.base.name": "tiny",
        "timbre.base.kind": "custom_voice",
        "timbre.speaker": "vivian",
        "timbre.language": "french",
        "timbre.text_layout": "streaming",
        "timbre.rank": 4,
        "timbre.alpha": 8.0,
        "timbre.licence": "CC-BY-4.0",
    }
    assert digest.startswith("sha256:") and len(digest) == 71
    assert {str(tensor.tensor_type.name) for tensor in reader.tensors} == {"F16"}
    assert list(tmp_path.iterdir()).count(output) == 1 and not list(tmp_path.glob(".*"))


def test_the_voice_that_it_was_trained_as_goes_along(tmp_path: Path, base: Path) -> None:
    source = peft.write_adapter(tmp_path / "peft", peft.tensors(Q))
    output = tmp_path / "lisa.gguf"
    one, two = np.linspace(-1, 1, 12, dtype=np.float32), np.ones(12, np.float32)
    save_file({"x_vector": one}, source / "x_vector.safetensors")
    save_file({"x_vector": two, "codes": np.zeros((3, 16), np.int32)}, tmp_path / "clip.safetensors")
    for named, expected in ((None, one), (tmp_path / "clip.safetensors", two)):
        export(source, output=output, base=base, x_vector=named, text_layout=Layout.FULL)
        reader = GGUFReader(output)
        np.testing.assert_array_equal(np.array(field(reader, "timbre.x_vector"), np.float32), expected)
        assert field(reader, "timbre.text_layout") == "full"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, base: Path) -> None:
    weights = peft.tensors(*SHAPES)
    first = peft.exported(tmp_path, base, weights).read_bytes()
    # The order of a safetensors file's tensors is its writer's; a voice does not depend on it.
    assert peft.exported(tmp_path, base, weights).read_bytes() == first
    peft.write_adapter(tmp_path / "peft", dict(reversed(weights.items())))
    assert (
        peft.exported(tmp_path, base, load_file(tmp_path / "peft" / "adapter_model.safetensors")).read_bytes() == first
    )


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_other_float_types_are_read(tmp_path: Path, base: Path, kind: type[np.floating[Any]]) -> None:
    weights = {name: value.astype(kind) for name, value in peft.tensors(Q).items()}
    found = {tensor.name: tensor.data for tensor in GGUFReader(peft.exported(tmp_path, base, weights)).tensors}
    expected = weights[f"{PREFIX}layers.0.{Q}.lora_A.weight"].astype(np.float32)
    np.testing.assert_array_equal(found["blk.0.attn_q.weight.lora_a"], expected)


def test_bfloat16_is_read(tmp_path: Path, base: Path) -> None:
    import ml_dtypes

    weights = {name: value.astype(ml_dtypes.bfloat16) for name, value in peft.tensors(Q).items()}
    found = {tensor.name: tensor.data for tensor in GGUFReader(peft.exported(tmp_path, base, weights)).tensors}
    expected = weights[f"{PREFIX}layers.0.{Q}.lora_A.weight"].astype(np.float32)
    np.testing.assert_array_equal(found["blk.0.attn_q.weight.lora_a"], expected)


def test_the_size_that_is_promised(tmp_path: Path) -> None:
    sizes = {"hidden": 1024, "layers": 28, "heads": 16, "kv_heads": 8, "head_dim": 128, "ffn": 3072}
    base = peft.write_base(tmp_path / "base", sizes)
    weights = {}
    for layer in range(28):
        for module, out in ((Q, 2048), (V, 1024)):
            a, b = peft.pair(16, out, 1024)
            weights[f"{PREFIX}layers.{layer}.{module}.lora_A.weight"] = a
            weights[f"{PREFIX}layers.{layer}.{module}.lora_B.weight"] = b
    path = peft.exported(tmp_path, base, weights, dtype=Dtype.F16, r=16, lora_alpha=32)
    assert 4.5e6 < path.stat().st_size < 4.7e6
