"""What `timbre-loras export` cannot carry over: refused by name, and no file is left."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from support import peft
from support.peft import PREDICTOR_PREFIX, PREFIX
from timbre_common.errors import InvalidInput, SetupError, TooLarge, Unsupported
from timbre_loras.commands.export import export
from timbre_loras.writer import Dtype

Q = "self_attn.q_proj"

CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"use_dora": True}, "use_dora"),
    ({"modules_to_save": ["codec_head"]}, "modules_to_save"),
    ({"bias": "all"}, "bias"),
    ({"bias": "lora_only"}, "bias"),
    ({"lora_bias": True}, "lora_bias"),
    ({"fan_in_fan_out": True}, "fan_in_fan_out"),
    ({"peft_type": "LOHA"}, "peft_type"),
    ({"trainable_token_indices": [3000]}, "trainable_token_indices"),
    ({"target_parameters": ["x"]}, "target_parameters"),
    ({"layer_replication": [[0, 2]]}, "layer_replication"),
    ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights"),
    ({"init_lora_weights": "olora"}, "init_lora_weights"),
    ({"a_field_of_tomorrow": True}, "a_field_of_tomorrow"),
    ({"lora_alpha": 0}, "q_proj"),
    ({"lora_alpha": "much"}, "lora_alpha"),
    ({"r": 5}, "q_proj.lora_A.weight"),
    ({"rank_pattern": {"q_proj": 8}}, "q_proj.lora_A.weight"),
    ({"alpha_pattern": {"q_(proj": 8}}, "q_(proj"),
    ({"rank_pattern": {"q_proj": 0}}, "q_proj"),
]


@pytest.mark.parametrize(("config", "name"), CONFIGS, ids=lambda value: str(value))
def test_a_config_that_cannot_be_carried_over_is_refused_by_name(
    tmp_path: Path, base: Path, config: dict[str, Any], name: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        peft.exported(tmp_path, base, peft.tensors(Q), **config)
    assert name in caught.value.field
    assert not (tmp_path / "out.gguf").exists()


def zeros(*shape: int) -> Any:
    return np.zeros(shape, dtype=np.float32)


TENSORS: list[tuple[str, Any, type[InvalidInput], str]] = [
    ("talker.code_predictor.model.layers.0.self_attn.q_proj.lora_A.weight", zeros(4, 6), InvalidInput, "its lora_B is"),
    ("talker.code_predictor.lm_head.0.lora_A.weight", zeros(4, 6), Unsupported, "nor of the code predictor's"),
    ("talker.code_predictor.model.codec_embedding.0.lora_embedding_A", zeros(4, 6), Unsupported, "embedding"),
    ("talker.model.codec_embedding.lora_embedding_A", zeros(4, 12), Unsupported, "embedding"),
    ("talker.model.text_embedding.lora_A.weight", zeros(4, 12), Unsupported, "embedding"),
    ("talker.model.layers.0.self_attn.q_proj.lora_magnitude_vector", zeros(8), Unsupported, "DoRA"),
    ("talker.model.layers.0.self_attn.q_proj.lora_B.bias", zeros(8), Unsupported, "bias"),
    ("talker.codec_head.modules_to_save.weight", zeros(4, 12), Unsupported, "trained whole"),
    ("talker.codec_head.lora_A.weight", zeros(4, 12), Unsupported, "no LoRA tensor of the talker's layers"),
    ("talker.model.layers.0.self_attn.qkv_proj.lora_A.weight", zeros(4, 12), Unsupported, "no target here"),
    ("talker.model.layers.0.mlp.up_proj.lora_A.weight", zeros(4, 12), InvalidInput, "its lora_B is missing"),
    ("talker.model.layers.0.mlp.up_proj.lora_B.weight", zeros(10, 4), InvalidInput, "its lora_A is missing"),
    ("model.layers.0.self_attn.q_proj.lora_A.weight", zeros(4, 12), InvalidInput, "the same matrix"),
    ("talker.model.layers.0.self_attn.q_proj.lora_A.weight", zeros(4, 13), InvalidInput, "is (4, 13), not (4, 12)"),
    ("talker.model.layers.0.self_attn.q_proj.lora_B.weight", zeros(4, 8), InvalidInput, "is (4, 8), not (8, 4)"),
    ("talker.model.layers.0.self_attn.q_proj.lora_A.weight", zeros(4, 12) + np.nan, InvalidInput, "not finite"),
    ("talker.model.layers.0.self_attn.q_proj.lora_B.weight", zeros(8, 4) - np.inf, InvalidInput, "not finite"),
    ("talker.model.layers.0.self_attn.q_proj.lora_B.weight", np.full((8, 4), 1e300), InvalidInput, "not finite"),
    ("talker.model.layers.0.self_attn.q_proj.lora_A.weight", np.zeros((4, 12), np.int8), Unsupported, "I8"),
    ("talker.model.layers.3.self_attn.q_proj.lora_A.weight", zeros(4, 12), InvalidInput, "lora_B is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "kind", "why"), TENSORS)
def test_a_tensor_that_cannot_be_carried_over_is_refused_by_name(
    tmp_path: Path, base: Path, name: str, values: Any, kind: type[InvalidInput], why: str
) -> None:
    full = f"base_model.model.{name}"
    with pytest.raises(kind) as caught:
        peft.exported(tmp_path, base, {**peft.tensors(Q), full: values})
    assert caught.value.field == full or why == "the same matrix"
    assert why in str(caught.value)


def test_a_layer_that_the_base_lacks_is_refused(tmp_path: Path, base: Path) -> None:
    with pytest.raises(InvalidInput, match=r"layers\.3\..*the base has 3 layers"):
        peft.exported(tmp_path, base, peft.tensors(Q, layers=4))


def test_a_layer_that_the_predictor_lacks_is_refused(tmp_path: Path, base: Path) -> None:
    with pytest.raises(InvalidInput, match=r"code_predictor.*layers\.2\..*the base has 2 layers"):
        peft.exported(tmp_path, base, {**peft.tensors(Q), **peft.predictor_tensors(Q, layers=3)})


def test_no_file_is_left_where_the_second_cannot_be_written(tmp_path: Path, base: Path) -> None:
    weights = {**peft.tensors(Q), **peft.predictor_tensors(Q)}
    weights[f"{PREDICTOR_PREFIX}layers.1.{Q}.lora_B.weight"][2, 3] = 70_000
    with pytest.raises(InvalidInput, match=r"blk\.1\.attn_q\.weight\.lora_b.*--dtype f32"):
        peft.exported(tmp_path, base, weights, dtype=Dtype.F16)
    assert not list(tmp_path.glob("*.gguf*"))


def test_what_float16_cannot_hold_is_refused(tmp_path: Path, base: Path) -> None:
    weights = peft.tensors(Q)
    weights[f"{PREFIX}layers.1.{Q}.lora_B.weight"][2, 3] = 70_000
    with pytest.raises(InvalidInput, match=r"blk\.1\.attn_q\.weight\.lora_b.*--dtype f32"):
        peft.exported(tmp_path, base, weights, dtype=Dtype.F16)
    assert peft.exported(tmp_path, base, weights).exists()


def test_an_empty_adapter_is_refused(tmp_path: Path, base: Path) -> None:
    with pytest.raises(InvalidInput, match="no LoRA tensor"):
        peft.exported(tmp_path, base, {})


def test_broken_and_missing_files_are_told(tmp_path: Path, base: Path) -> None:
    source = peft.write_adapter(tmp_path / "peft", peft.tensors(Q))
    output = tmp_path / "out.gguf"
    with pytest.raises(SetupError, match="no model directory"):
        export(source, output=output, base=tmp_path)
    with pytest.raises(SetupError, match="cannot be written"):
        export(source, output=tmp_path / "nowhere" / "out.gguf", base=base)
    weights = source / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match="cannot be read"):
        export(source, output=output, base=base)
    weights.rename(source / "adapter_model.bin")
    with pytest.raises(SetupError, match="pickle"):
        export(source, output=output, base=base)
    (source / "adapter_config.json").write_text("{")
    with pytest.raises(SetupError, match="pickle"):
        export(source, output=output, base=base)
    assert not output.exists()


@pytest.mark.parametrize(
    ("tensors", "speaker", "why"),
    [
        ({"vector": zeros(12)}, "", r"x_vector \[12\] is right"),
        ({"x_vector": zeros(11)}, "", r"x_vector \[12\] is right"),
        ({"x_vector": zeros(12) + np.nan}, "", "not finite"),
        ({"x_vector": np.zeros(12, np.int8)}, "", "I8"),
        ({"x_vector": zeros(12)}, "vivian", "one of the two"),
    ],
)
def test_an_x_vector_that_does_not_fit_is_refused(
    tmp_path: Path, base: Path, tensors: dict[str, Any], speaker: str, why: str
) -> None:
    source = peft.write_adapter(tmp_path / "peft", peft.tensors(Q))
    save_file(tensors, source / "x_vector.safetensors")
    with pytest.raises(InvalidInput, match=why):
        export(source, output=tmp_path / "out.gguf", base=base, speaker=speaker)


def test_an_x_vector_that_cannot_be_read_is_told(tmp_path: Path, base: Path) -> None:
    source = peft.write_adapter(tmp_path / "peft", peft.tensors(Q))
    for data, kind in ((b"nothing", InvalidInput), (bytes((2 << 20) + 1), TooLarge), (None, SetupError)):
        path = tmp_path / "voice.safetensors"
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(kind):
            export(source, output=tmp_path / "out.gguf", base=base, x_vector=path)


@pytest.mark.parametrize(
    ("options", "why"),
    [({"speaker": "ryan"}, "vivian"), ({"language": "klingon"}, "english, french")],
)
def test_a_speaker_or_language_that_the_base_lacks_is_refused(
    tmp_path: Path, base: Path, options: dict[str, str], why: str
) -> None:
    source = peft.write_adapter(tmp_path / "peft", peft.tensors(Q))
    with pytest.raises(InvalidInput, match=why):
        export(source, output=tmp_path / "out.gguf", base=base, **options)  # type: ignore[arg-type]
