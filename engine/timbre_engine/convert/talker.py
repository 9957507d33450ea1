"""`talker.gguf`: arch qwen3tts, laid out as llama.cpp's own converter does."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter
from numpy.typing import NDArray

from timbre_engine.convert import vocabulary
from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.config import Config
from timbre_engine.llama.quantise import fits, quantise
from timbre_engine.llama.source import Choice
from timbre_engine.model.manifest import Quantisation, Transformer

ARCHITECTURE: Final = "qwen3tts"
_PREFIX: Final = "talker."
_ROWS: Final = 8192
"""Rows of the text embedding that are projected at once."""

_FTYPES: Final = {
    Quantisation.F32: gguf.LlamaFileType.ALL_F32,
    Quantisation.F16: gguf.LlamaFileType.MOSTLY_F16,
    Quantisation.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    Quantisation.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
    Quantisation.Q4_K_M: gguf.LlamaFileType.MOSTLY_Q4_K_M,
}
_BASE: Final = {
    Quantisation.F32: Type.F32,
    Quantisation.F16: Type.F16,
    Quantisation.Q8_0: Type.Q8_0,
    Quantisation.Q4_0: Type.Q4_0,
    Quantisation.Q4_K_M: Type.Q4_K,
}
_NARROWER: Final = {Type.Q4_K: Type.Q5_0, Type.Q6_K: Type.Q8_0}
"""What llama.cpp takes for rows that are no multiple of a K-quant's block of 256."""


def write_talker(
    checkpoint: Checkpoint,
    config: Config,
    quantisation: Quantisation,
    path: Path,
    progress: Callable[[str], None],
    library: Choice,
) -> NDArray[np.float32]:
    """Write the file; the codec embedding [codec vocabulary, hidden], which is kept at full precision as well.

    `progress` is told each tensor's name once it is done. `library` quantises.
    """
    sizes = config.talker
    writer = GGUFWriter(path, ARCHITECTURE)
    _metadata(writer, config, quantisation)
    vocabulary.write(writer, checkpoint.directory, config)

    def add(name: str, weights: NDArray[np.float32], kind: Type) -> None:
        kind = kind if fits(weights.shape[-1], kind) else _NARROWER.get(kind, Type.F16)
        writer.add_tensor(name, quantise(weights, kind, library), raw_dtype=kind)
        progress(name)

    codec_embedding = checkpoint.take(
        f"{_PREFIX}model.codec_embedding.weight", (config.codec_ids.vocabulary, sizes.hidden)
    )
    add(
        "token_embd.weight", np.concatenate([_text_embedding(checkpoint, config), codec_embedding]), _BASE[quantisation]
    )
    head = checkpoint.take(f"{_PREFIX}codec_head.weight", codec_embedding.shape)
    add("output.weight", head, _output(quantisation))
    add("output_norm.weight", checkpoint.take(f"{_PREFIX}model.norm.weight", (sizes.hidden,)), Type.F32)
    for layer in range(sizes.layers):
        for name, (source, shape) in _layer(sizes).items():
            weights = checkpoint.take(f"{_PREFIX}model.layers.{layer}.{source}.weight", shape)
            kind = Type.F32 if weights.ndim == 1 else _kind(name, layer, sizes.layers, quantisation)
            add(f"blk.{layer}.{name}.weight", weights, kind)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
    return codec_embedding


def _metadata(writer: GGUFWriter, config: Config, quantisation: Quantisation) -> None:
    sizes = config.talker
    writer.add_type("model")
    writer.add_file_type(_FTYPES[quantisation])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config.positions)
    writer.add_embedding_length(sizes.hidden)
    writer.add_block_count(sizes.layers)
    writer.add_feed_forward_length(sizes.ffn)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.kv_heads)
    writer.add_key_length(sizes.head_dim)
    writer.add_value_length(sizes.head_dim)
    writer.add_layer_norm_rms_eps(sizes.norm_eps)
    writer.add_rope_freq_base(sizes.rope_theta)
    writer.add_rope_dimension_count(sizes.head_dim)
    writer.add_rope_dimension_sections(config.rope_sections)
    writer.add_vocab_size(config.text_ids.vocabulary + config.codec_ids.vocabulary)


def _text_embedding(checkpoint: Checkpoint, config: Config) -> NDArray[np.float32]:
    """The text embedding behind its projection: fc2(silu(fc1(x))), for every token."""
    hidden, inner, rows = config.talker.hidden, config.text_hidden, config.text_ids.vocabulary
    part = f"{_PREFIX}text_projection.linear_fc"
    first, first_bias = checkpoint.take(f"{part}1.weight", (inner, inner)), checkpoint.take(f"{part}1.bias", (inner,))
    second, second_bias = (
        checkpoint.take(f"{part}2.weight", (hidden, inner)),
        checkpoint.take(f"{part}2.bias", (hidden,)),
    )
    table = checkpoint.take(f"{_PREFIX}model.text_embedding.weight", (rows, inner))
    projected = np.empty((rows, hidden), np.float32)
    for start in range(0, rows, _ROWS):
        x = table[start : start + _ROWS] @ first.T + first_bias
        projected[start : start + _ROWS] = (x / (1 + np.exp(-x))) @ second.T + second_bias
    return projected


def _layer(sizes: Transformer) -> dict[str, tuple[str, tuple[int, ...]]]:
    """GGUF's name -> (checkpoint's name, shape) of a layer's tensors."""
    hidden, query, key = sizes.hidden, sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
    return {
        "attn_norm": ("input_layernorm", (hidden,)),
        "attn_q": ("self_attn.q_proj", (query, hidden)),
        "attn_k": ("self_attn.k_proj", (key, hidden)),
        "attn_v": ("self_attn.v_proj", (key, hidden)),
        "attn_output": ("self_attn.o_proj", (hidden, query)),
        "attn_q_norm": ("self_attn.q_norm", (sizes.head_dim,)),
        "attn_k_norm": ("self_attn.k_norm", (sizes.head_dim,)),
        "ffn_norm": ("post_attention_layernorm", (hidden,)),
        "ffn_gate": ("mlp.gate_proj", (sizes.ffn, hidden)),
        "ffn_up": ("mlp.up_proj", (sizes.ffn, hidden)),
        "ffn_down": ("mlp.down_proj", (hidden, sizes.ffn)),
    }


def _output(quantisation: Quantisation) -> Type:
    return Type.Q6_K if quantisation in {Quantisation.Q4_K_M, Quantisation.Q4_0} else _BASE[quantisation]


def _kind(name: str, layer: int, layers: int, quantisation: Quantisation) -> Type:
    """llama.cpp's recipe: Q4_K_M keeps more bits of some layers' values and down projections."""
    if quantisation is Quantisation.Q4_K_M and name in {"attn_v", "ffn_down"}:
        eighth = layers // 8
        if layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2:
            return Type.Q6_K
    return _BASE[quantisation]
