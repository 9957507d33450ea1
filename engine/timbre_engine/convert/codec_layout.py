"""What a speech tokenizer's checkpoint holds of the codec decoder: its sizes, and every tensor's name and shape."""

import math
from typing import Any, Final

import msgspec

from timbre_common import decoding
from timbre_common.errors import InvalidInput
from timbre_engine.model.codec import DILATIONS, FIRST_TAPS, TAPS, Shapes

DECODER: Final = "decoder."
SKIPPED: Final = ("encoder.", "decoder.quantizer.rvq_first.input_proj.", "decoder.quantizer.rvq_rest.input_proj.")
"""Prefixes of the tensors that only encoding needs."""


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """`decoder_config` of the tokenizer's config.json, as far as it shapes the decoder."""

    codebook_size: int
    codebook_dim: int
    hidden_size: int
    latent_dim: int
    head_dim: int
    num_attention_heads: int
    num_key_value_heads: int
    sliding_window: int
    intermediate_size: int
    num_hidden_layers: int
    num_quantizers: int
    upsample_rates: list[int]
    upsampling_ratios: list[int]
    decoder_dim: int
    rope_theta: float
    rms_norm_eps: float
    hidden_act: str
    attention_bias: bool = False
    num_semantic_quantizers: int = 1
    rope_scaling: dict[str, Any] | None = None

    @property
    def samples_per_frame(self) -> int:
        """Samples that one frame of codes becomes."""
        return math.prod(self.upsample_rates) * math.prod(self.upsampling_ratios)

    @property
    def attention_dim(self) -> int:
        """Width of queries, keys and values."""
        return self.num_attention_heads * self.head_dim

    def channels(self, block: int) -> int:
        """Channels that leave a decoder block; block -1 is the convolution before the first."""
        return self.decoder_dim >> (block + 1)


def read_sizes(config: dict[str, Any]) -> Sizes:
    """The sizes in a tokenizer's config. Raises InvalidInput that names the field this decoder cannot be built with."""
    if not isinstance(config.get("decoder_config"), dict):
        raise InvalidInput("an object is right", "decoder_config")
    try:
        sizes = decoding.convert(config["decoder_config"], Sizes)
    except InvalidInput as error:
        field = f"decoder_config.{error.field}" if error.field else "decoder_config"
        raise InvalidInput(str(error).removeprefix(f"{error.field}: "), field) from error
    for field, right in _rules(sizes).items():
        if not right:
            raise InvalidInput(f"{getattr(sizes, field)!r} is not supported here", f"decoder_config.{field}")
    promised = config.get("decode_upsample_rate", sizes.samples_per_frame)
    if promised != sizes.samples_per_frame:
        raise InvalidInput(f"{promised}, but the rates make {sizes.samples_per_frame}", "decode_upsample_rate")
    rate = config.get("output_sample_rate")
    if not isinstance(rate, int) or rate <= 0:
        raise InvalidInput(f"a rate in Hz is right, not {rate!r}", "output_sample_rate")
    return sizes


def _rules(sizes: Sizes) -> dict[str, bool]:
    positive = {
        name: getattr(sizes, name) > 0
        for name in ("codebook_size", "hidden_size", "latent_dim", "num_attention_heads", "intermediate_size")
    }
    return positive | {
        "codebook_dim": sizes.codebook_dim > 0 and sizes.codebook_dim % 2 == 0,
        "head_dim": sizes.head_dim > 0 and sizes.head_dim % 2 == 0,
        "num_hidden_layers": sizes.num_hidden_layers > 0,
        "num_key_value_heads": sizes.num_key_value_heads == sizes.num_attention_heads,
        "sliding_window": sizes.sliding_window > 1,
        "num_quantizers": sizes.num_quantizers > 1,
        "num_semantic_quantizers": sizes.num_semantic_quantizers == 1,
        "upsample_rates": bool(sizes.upsample_rates) and min(sizes.upsample_rates) > 1,
        "upsampling_ratios": bool(sizes.upsampling_ratios) and min(sizes.upsampling_ratios) > 1,
        "decoder_dim": sizes.decoder_dim > 0 and sizes.decoder_dim % (1 << len(sizes.upsample_rates)) == 0,
        "rope_theta": sizes.rope_theta > 0,
        "rms_norm_eps": sizes.rms_norm_eps > 0,
        "hidden_act": sizes.hidden_act == "silu",
        "attention_bias": not sizes.attention_bias,
        "rope_scaling": sizes.rope_scaling is None,
    }


def shapes(sizes: Sizes) -> Shapes:
    """Every tensor that decoding needs, by its whole name."""
    found = _quantizer(sizes) | _transformer(sizes) | _upsampling(sizes) | _decoder(sizes)
    found |= _convolution("pre_conv", sizes.latent_dim, sizes.codebook_dim, FIRST_TAPS)
    return {DECODER + name: shape for name, shape in found.items()}


def _convolution(name: str, outputs: int, inputs: int, kernel: int) -> Shapes:
    return {f"{name}.conv.weight": (outputs, inputs, kernel), f"{name}.conv.bias": (outputs,)}


def _transposed(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
    return {f"{name}.conv.weight": (inputs, outputs, kernel), f"{name}.conv.bias": (outputs,)}


def _linear(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _snake(name: str, channels: int) -> Shapes:
    return {f"{name}.alpha": (channels,), f"{name}.beta": (channels,)}


def _quantizer(sizes: Sizes) -> Shapes:
    found: Shapes = {}
    half = sizes.codebook_dim // 2
    for group, books in (("rvq_first", 1), ("rvq_rest", sizes.num_quantizers - 1)):
        for book in range(books):
            name = f"quantizer.{group}.vq.layers.{book}._codebook."
            found[f"{name}cluster_usage"] = (sizes.codebook_size,)
            found[f"{name}embedding_sum"] = (sizes.codebook_size, half)
        found[f"quantizer.{group}.output_proj.weight"] = (sizes.codebook_dim, half, 1)
    return found


def _transformer(sizes: Sizes) -> Shapes:
    hidden, attention = sizes.hidden_size, sizes.attention_dim
    found = _linear("pre_transformer.input_proj", hidden, sizes.latent_dim)
    found |= _linear("pre_transformer.output_proj", sizes.latent_dim, hidden)
    found["pre_transformer.norm.weight"] = (hidden,)
    for layer in range(sizes.num_hidden_layers):
        name = f"pre_transformer.layers.{layer}."
        for vector in ("input_layernorm.weight", "post_attention_layernorm.weight"):
            found[name + vector] = (hidden,)
        for vector in ("self_attn_layer_scale.scale", "mlp_layer_scale.scale"):
            found[name + vector] = (hidden,)
        for matrix in ("q", "k", "v"):
            found[f"{name}self_attn.{matrix}_proj.weight"] = (attention, hidden)
        found[f"{name}self_attn.o_proj.weight"] = (hidden, attention)
        for matrix in ("gate", "up"):
            found[f"{name}mlp.{matrix}_proj.weight"] = (sizes.intermediate_size, hidden)
        found[f"{name}mlp.down_proj.weight"] = (hidden, sizes.intermediate_size)
    return found


def _upsampling(sizes: Sizes) -> Shapes:
    found: Shapes = {}
    width = sizes.latent_dim
    for stage, ratio in enumerate(sizes.upsampling_ratios):
        name = f"upsample.{stage}."
        found |= _transposed(f"{name}0", width, width, ratio)
        found |= _convolution(f"{name}1.dwconv", width, 1, TAPS)
        found |= _linear(f"{name}1.pwconv1", 4 * width, width) | _linear(f"{name}1.pwconv2", width, 4 * width)
        for vector in ("norm.weight", "norm.bias", "gamma"):
            found[f"{name}1.{vector}"] = (width,)
    return found


def _decoder(sizes: Sizes) -> Shapes:
    found = _convolution("decoder.0", sizes.channels(-1), sizes.latent_dim, TAPS)
    for block, rate in enumerate(sizes.upsample_rates):
        name = f"decoder.{block + 1}.block."
        inputs, outputs = sizes.channels(block - 1), sizes.channels(block)
        found |= _snake(f"{name}0", inputs) | _transposed(f"{name}1", inputs, outputs, 2 * rate)
        for unit in range(len(DILATIONS)):
            inner = f"{name}{unit + 2}."
            found |= _snake(f"{inner}act1", outputs) | _convolution(f"{inner}conv1", outputs, outputs, TAPS)
            found |= _snake(f"{inner}act2", outputs) | _convolution(f"{inner}conv2", outputs, outputs, 1)
    end = len(sizes.upsample_rates) + 1
    found |= _snake(f"decoder.{end}", sizes.channels(end - 2))
    return found | _convolution(f"decoder.{end + 1}", 1, sizes.channels(end - 2), TAPS)
