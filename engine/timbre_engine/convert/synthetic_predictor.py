"""Random weights of a code predictor: for measuring, and for a model directory without a download."""

import numpy as np
from numpy.typing import NDArray

from timbre_engine.model.manifest import Transformer
from timbre_engine.model.predictor import CODES, VOCABULARY


def predictor_tensors(talker_hidden: int, sizes: Transformer, seed: int) -> dict[str, NDArray[np.float32]]:
    """Tensors by the names of a checkpoint, a function of the seed; their spread keeps every layer's output near 1."""
    random = np.random.default_rng(seed)
    return {
        name: 1 + 0.1 * random.standard_normal(shape, dtype=np.float32)
        if name.endswith("norm.weight")
        else random.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(shape[-1]))
        for name, shape in shapes(talker_hidden, sizes).items()
    }


def shapes(talker_hidden: int, sizes: Transformer) -> dict[str, tuple[int, ...]]:
    """Every tensor that `write_predictor` takes."""
    prefix = "talker.code_predictor."
    queries, keys = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
    found: dict[str, tuple[int, ...]] = {f"{prefix}model.norm.weight": (sizes.hidden,)}
    layer = {
        "input_layernorm": (sizes.hidden,),
        "post_attention_layernorm": (sizes.hidden,),
        "self_attn.q_proj": (queries, sizes.hidden),
        "self_attn.k_proj": (keys, sizes.hidden),
        "self_attn.v_proj": (keys, sizes.hidden),
        "self_attn.o_proj": (sizes.hidden, queries),
        "self_attn.q_norm": (sizes.head_dim,),
        "self_attn.k_norm": (sizes.head_dim,),
        "mlp.gate_proj": (sizes.ffn, sizes.hidden),
        "mlp.up_proj": (sizes.ffn, sizes.hidden),
        "mlp.down_proj": (sizes.hidden, sizes.ffn),
    }
    for number in range(sizes.layers):
        found |= {f"{prefix}model.layers.{number}.{name}.weight": shape for name, shape in layer.items()}
    for number in range(CODES):
        found[f"{prefix}model.codec_embedding.{number}.weight"] = (VOCABULARY, talker_hidden)
        found[f"{prefix}lm_head.{number}.weight"] = (VOCABULARY, sizes.hidden)
    if talker_hidden != sizes.hidden:
        found[f"{prefix}small_to_mtp_projection.weight"] = (sizes.hidden, talker_hidden)
        found[f"{prefix}small_to_mtp_projection.bias"] = (sizes.hidden,)
    return found
