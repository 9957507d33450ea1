"""A speech tokenizer's checkpoint of any size with random weights: to measure speed without a trained model.

Its samples are noise, but they stay within full scale, as those of a trained codec do.
"""

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import save_file

from timbre_common.errors import SetupError
from timbre_engine.convert import codec_layout as layout
from timbre_engine.convert.codec_stream import Tensor

CONFIG: Final[dict[str, Any]] = {
    "model_type": "qwen3_tts_tokenizer_12hz",
    "output_sample_rate": 24000,
    "decode_upsample_rate": 1920,
    "decoder_config": {
        "codebook_size": 2048,
        "codebook_dim": 512,
        "hidden_size": 512,
        "latent_dim": 1024,
        "head_dim": 64,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "sliding_window": 72,
        "intermediate_size": 1024,
        "num_hidden_layers": 8,
        "num_quantizers": 16,
        "upsample_rates": [8, 5, 4, 3],
        "upsampling_ratios": [2, 2],
        "decoder_dim": 1536,
        "rope_theta": 10000,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
    },
}
"""The 12 Hz tokenizer's true sizes."""


def random_codec_tensors(config: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """Every tensor that decoding needs, by name, of the sizes in the tokenizer's config; the same for the same seed.

    Raises InvalidInput that names a field of the config.
    """
    random = np.random.default_rng(seed)
    shapes = layout.shapes(layout.read_sizes(config))
    last = max(map(_block, shapes))
    return {name: _values(random, name, shapes[name], quiet=_block(name) == last) for name in sorted(shapes)}


def write_codec_checkpoint(directory: Path, config: dict[str, Any], seed: int = 0) -> None:
    """Write config.json and model.safetensors into a directory, made where needed. Raises SetupError, InvalidInput."""
    tensors = random_codec_tensors(config, seed)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        save_file(tensors, directory / "model.safetensors")
        (directory / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    except OSError as error:
        raise SetupError(f"cannot write {directory}: {error.strerror}") from error


def _block(name: str) -> int:
    """The number of a decoder block, -1 for all that is not in one."""
    parts = name.split(".")
    return int(parts[2]) if parts[1] == "decoder" else -1


def _values(random: np.random.Generator, name: str, shape: tuple[int, ...], quiet: bool) -> Tensor:
    noise = random.standard_normal(shape, dtype=np.float32)
    scale, middle = 1 / math.sqrt(math.prod(shape[1:])), 0.0
    if name.endswith("cluster_usage"):
        noise, scale, middle = np.abs(noise), 1.0, 1.0
    elif "norm" in name and name.endswith("weight"):
        scale, middle = 0.1, 1.0
    elif name.endswith((".scale", ".gamma")):
        scale, middle = 0.01, 0.1
    elif len(shape) == 1:
        scale = 0.05
    elif "_codebook." in name:
        scale = 0.5
    elif quiet:
        scale *= 0.01
    return np.asarray(noise * np.float32(scale) + np.float32(middle))
