"""The golden adapter through `timbre-loras export`: every number of it, at PEFT's scale, and the engine takes it."""

import json
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from safetensors.numpy import load_file

from support import peft
from timbre_engine.model.manifest import Transformer
from timbre_engine.qwen3tts.adapter_file import check
from timbre_loras.commands.export import export
from timbre_loras.writer import Dtype


@pytest.fixture
def sizes(checkpoint: Path) -> dict[str, int]:
    """Of the tiny checkpoint's talker."""
    config = json.loads((checkpoint / "config.json").read_text())["talker_config"]
    return {
        "hidden": config["hidden_size"],
        "layers": config["num_hidden_layers"],
        "heads": config["num_attention_heads"],
        "kv_heads": config["num_key_value_heads"],
        "head_dim": config["head_dim"],
        "ffn": config["intermediate_size"],
    }


@pytest.mark.parametrize("dtype", Dtype)
def test_the_engine_takes_the_golden_adapter(
    tmp_path: Path, sizes: dict[str, int], adapter: Path, dtype: Dtype
) -> None:
    base = peft.write_base(tmp_path / "base", sizes)
    export(adapter, output=tmp_path / "golden.gguf", base=base, dtype=dtype, language="french")
    found = check(
        tmp_path / "golden.gguf",
        base_digest=f"sha256:{peft.TALKER_SHA256}",
        sizes=Transformer(**sizes, rope_theta=1e6, norm_eps=1e-6),
        predictor=Transformer(**sizes, rope_theta=1e6, norm_eps=1e-6),
        max_rank=16,
        digest=None,
    )
    assert (found.rank, found.alpha, found.metadata["language"]) == (16, 32.0, "french")


def test_every_number_of_the_golden_adapter(tmp_path: Path, sizes: dict[str, int], adapter: Path) -> None:
    base = peft.write_base(tmp_path / "base", sizes)
    export(adapter, output=tmp_path / "golden.gguf", base=base, dtype=Dtype.F32)
    reader = GGUFReader(tmp_path / "golden.gguf")
    alpha = reader.get_field("adapter.lora.alpha")
    assert alpha is not None and alpha.contents() == 32.0
    original = load_file(adapter / "adapter_model.safetensors")
    llama = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}
    assert len(reader.tensors) == len(original) == sizes["layers"] * len(llama) * 2
    for tensor in reader.tensors:
        _, layer, target, _, half = tensor.name.split(".")
        module = next(name for name, mine in llama.items() if mine == target)
        key = f"base_model.model.talker.model.layers.{layer}.self_attn.{module}.lora_{half[-1].upper()}.weight"
        np.testing.assert_array_equal(tensor.data, original[key])
