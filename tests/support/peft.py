"""PEFT adapters and model directories in small, for the tests of what reads them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from timbre_loras.commands.export import export
from timbre_loras.writer import Dtype

SIZES = {"hidden": 12, "layers": 3, "heads": 4, "kv_heads": 2, "head_dim": 2, "ffn": 10}
PREDICTOR_SIZES = {**SIZES, "hidden": 6, "layers": 2, "ffn": 9}
TALKER_SHA256 = "0123456789abcdef" * 4
PREFIX = "base_model.model.talker.model."
PREDICTOR_PREFIX = "base_model.model.talker.code_predictor.model."

Tensors = dict[str, NDArray[Any]]


def shapes(sizes: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Projection -> (out, in)."""
    hidden, ffn = sizes["hidden"], sizes["ffn"]
    queries, keys = sizes["heads"] * sizes["head_dim"], sizes["kv_heads"] * sizes["head_dim"]
    return {
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "mlp.gate_proj": (ffn, hidden),
        "mlp.up_proj": (ffn, hidden),
        "mlp.down_proj": (hidden, ffn),
    }


SHAPES = shapes(SIZES)


def write_base(directory: Path, sizes: dict[str, int] | None = None) -> Path:
    """A model directory as far as an adapter looks at it."""
    directory.mkdir(parents=True, exist_ok=True)
    manifest = {
        "name": "tiny",
        "kind": "custom_voice",
        "talker": {**(sizes or SIZES), "rope_theta": 1e6, "norm_eps": 1e-6},
        "predictor": {**PREDICTOR_SIZES, "rope_theta": 1e6, "norm_eps": 1e-6},
        "languages": {"french": 2061, "english": 2050},
        "speakers": {"vivian": 3065},
        "files": {"talker.gguf": {"size": 1, "sha256": TALKER_SHA256}},
    }
    (directory / "model.json").write_text(json.dumps(manifest))
    return directory


def pair(rank: int, out: int, into: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A [rank, in] and B [out, rank] at random."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((rank, into)), rng.standard_normal((out, rank))
    return a.astype(np.float32), b.astype(np.float32)


def tensors(
    *modules: str,
    rank: int = 4,
    layers: int = SIZES["layers"],
    prefix: str = PREFIX,
    ranks: dict[str, int] | None = None,
    sizes: Mapping[str, int] = SIZES,
) -> Tensors:
    """The matrices of the modules in every layer; `ranks` gives some of them another rank, by `N.module`."""
    found: Tensors = {}
    for layer in range(layers):
        for module in modules:
            mine = (ranks or {}).get(f"{layer}.{module}", rank)
            a, b = pair(mine, *shapes(sizes)[module], seed=layer * 100 + len(found))
            found[f"{prefix}layers.{layer}.{module}.lora_A.weight"] = a
            found[f"{prefix}layers.{layer}.{module}.lora_B.weight"] = b
    return found


def predictor_tensors(*modules: str, rank: int = 4, layers: int = PREDICTOR_SIZES["layers"]) -> Tensors:
    """The same of the code predictor."""
    return tensors(*modules, rank=rank, layers=layers, prefix=PREDICTOR_PREFIX, sizes=PREDICTOR_SIZES)


def write_adapter(directory: Path, weights: Tensors, **config: Any) -> Path:
    """A directory as PEFT's save_pretrained makes it."""
    directory.mkdir(parents=True, exist_ok=True)
    save_file(weights, directory / "adapter_model.safetensors", metadata={"format": "pt"})
    fields = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none", **_AS_PEFT_WRITES, **config}
    (directory / "adapter_config.json").write_text(json.dumps(fields, indent=2, sort_keys=True))
    return directory


def exported(directory: Path, base: Path, weights: Tensors, dtype: Dtype = Dtype.F32, **config: Any) -> Path:
    """The file that `timbre-loras export` makes of an adapter."""
    source = write_adapter(directory / "peft", weights, **config)
    export(source, output=directory / "out.gguf", base=base, dtype=dtype)
    return directory / "out.gguf"


_AS_PEFT_WRITES: dict[str, Any] = {
    "alora_invocation_tokens": None,
    "alpha_pattern": {},
    "auto_mapping": {"base_model_class": "Qwen3TTSForConditionalGeneration", "parent_library": "qwen_tts"},
    "base_model_name_or_path": "somewhere/else",
    "corda_config": None,
    "ensure_weight_tying": False,
    "eva_config": None,
    "exclude_modules": None,
    "fan_in_fan_out": False,
    "inference_mode": True,
    "init_lora_weights": True,
    "layer_replication": None,
    "layers_pattern": None,
    "layers_to_transform": None,
    "loftq_config": {},
    "lora_bias": False,
    "lora_dropout": 0.05,
    "megatron_config": None,
    "megatron_core": "megatron.core",
    "modules_to_save": None,
    "peft_version": "0.19.0",
    "qalora_group_size": 16,
    "rank_pattern": {},
    "revision": None,
    "target_modules": ["q_proj", "v_proj"],
    "target_parameters": None,
    "task_type": "CAUSAL_LM",
    "trainable_token_indices": None,
    "use_dora": False,
    "use_qalora": False,
    "use_rslora": False,
}
