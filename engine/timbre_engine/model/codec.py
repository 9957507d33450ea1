"""What whoever writes `codec.onnx` and whoever runs it must agree on.

ONNX Runtime needs no more than the inputs `codes` int64 [batch, frames, codebooks] and `state.X`, and the outputs `pcm`
float32 [batch, samples] and `next.X`. For other readers the file's weights are constants that have names, those of
`shapes`, and its property `SIZES` is what the shapes do not say, as JSON of `CodecSizes`.

A matrix is [inputs, outputs]. Convolutions along time, of `TAPS` taps where nothing else is said, are matrices too: of
a tap's inputs after the other's, the oldest first. What a step makes of several steps' outputs lies side by side.
Where neighbouring outputs of a convolution share products (Toom and Cook), it has a matrix for each point, all in one
constant or each in one of its own (`point_name`); `spread` brings inputs to points, `combine` points to outputs. A
snake is x - height * cos(speed * x): the height that it adds last is in the bias of what follows. A unit's `taps` are
multiplied by its second snake's speed, `swing` is that snake's speed times its height, and `mix` is divided by it.
"""

import math
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from timbre_common import decoding

SIZES: Final = "sizes"
"""Name of the file's property."""
TAPS: Final = 7
"""Of every convolution whose size neither the config nor a name below gives."""
FIRST_TAPS: Final = 3
"""Of the convolution before the transformer."""
UP_TAPS: Final = 2
"""Of what a decoder block's transposed convolution is as a plain one, which makes `rate` rows side by side."""
DILATIONS: Final = (1, 3, 9)
"""Of a decoder block's residual units."""

Shapes = dict[str, tuple[int, ...]]
_Count = Annotated[int, Meta(ge=1, le=1 << 16)]
_Positive = Annotated[float, Meta(gt=0)]


class CodecSizes(msgspec.Struct, frozen=True, kw_only=True):
    """How large the decoder's parts are."""

    codebooks: _Count
    codebook_size: _Count
    codebook_dim: _Count
    """Width of what the codes become: a table's row is half as wide."""
    latent: _Count
    hidden: _Count
    layers: _Count
    heads: _Count
    head_dim: _Count
    window: _Count
    """Frames that a frame's attention sees, itself included."""
    intermediate: _Count
    ratios: tuple[_Count, ...]
    """Of the upsampling stages behind the transformer."""
    channels: _Count
    """Before the first decoder block; each halves them."""
    rates: tuple[_Count, ...]
    """Of the decoder's blocks."""
    spread_together: tuple[_Count, ...]
    """By block: neighbouring outputs of its upsampling that share products; 1: none do."""
    units_together: tuple[_Count, ...]
    """The same of its residual units."""
    epsilon: _Positive
    """Of the transformer's norms."""
    theta: _Positive
    """Of its rotary positions."""

    @property
    def samples_per_frame(self) -> int:
        """Samples that one frame of codes becomes."""
        return math.prod(self.ratios) * math.prod(self.rates)


def to_property(sizes: CodecSizes) -> str:
    """The value of the property `SIZES`."""
    return msgspec.json.encode(sizes).decode()


def from_property(text: str) -> CodecSizes:
    """The sizes in it. Raises InvalidInput that names the field."""
    return decoding.from_json(text, CodecSizes)


def bias_name(constant: str) -> str:
    """Name of what is added to the product with a constant."""
    return f"{constant}.bias"


def spread_name(constant: str) -> str:
    """Name of the matrix that brings the inputs of a convolution to its points."""
    return f"{constant}.spread"


def combine_name(constant: str) -> str:
    """Name of the matrix that brings its points to outputs."""
    return f"{constant}.combine"


def point_name(constant: str, point: int) -> str:
    """Name of one point's matrix of a convolution, where each has a constant of its own."""
    return f"{constant}.{point}"


def shapes(sizes: CodecSizes) -> Shapes:
    """Every constant's shape by its name, in the order in which they are used; a constant may have more axes, of 1."""
    half, latent, hidden, attention = sizes.codebook_dim // 2, sizes.latent, sizes.hidden, sizes.heads * sizes.head_dim
    found: Shapes = {
        "tables": (sizes.codebooks * sizes.codebook_size, half),
        "quantizer": (2 * half, sizes.codebook_dim),
        **_dense("pre_conv", FIRST_TAPS * sizes.codebook_dim, latent),
        **_dense("input", latent, hidden),
    }
    for layer in range(sizes.layers):
        found |= {
            f"layers.{layer}.queries_keys_values": (hidden, 3 * attention),
            f"layers.{layer}.output": (attention, hidden),
            f"layers.{layer}.gate_up": (hidden, 2 * sizes.intermediate),
            f"layers.{layer}.down": (sizes.intermediate, hidden),
        }
    found |= _dense("output", hidden, latent)
    for stage, ratio in enumerate(sizes.ratios):
        name = f"upsample.{stage}"
        found |= _dense(f"{name}.spread", latent, ratio * latent)
        found |= {f"{name}.depthwise": (latent, 1, TAPS), bias_name(f"{name}.depthwise"): (latent,)}
        found |= {f"{name}.norm": (latent,), bias_name(f"{name}.norm"): (latent,)}
        found |= _dense(f"{name}.wide", latent, 4 * latent) | _dense(f"{name}.narrow", 4 * latent, latent)
    return found | _decoder(sizes)


def _decoder(sizes: CodecSizes) -> Shapes:
    found, inputs = _dense("decoder.0", TAPS * sizes.latent, sizes.channels), sizes.channels
    blocks = zip(sizes.rates, sizes.spread_together, sizes.units_together, strict=True)
    for block, (rate, spread, units) in enumerate(blocks, 1):
        name, outputs = f"decoder.{block}", inputs // 2
        found |= _snake(name, inputs) | _convolution(f"{name}.up", inputs, rate * outputs, UP_TAPS, spread)
        for unit in range(1, len(DILATIONS) + 1):
            inner = f"{name}.{unit}"
            found |= _snake(inner, outputs) | _convolution(f"{inner}.taps", outputs, outputs, TAPS, units)
            found |= {f"{inner}.swing": (outputs,), **_dense(f"{inner}.mix", outputs, outputs)}
        inputs = outputs
    return found | _snake("last", inputs) | {"last": (inputs, TAPS), bias_name("last"): (1,)}


def _dense(name: str, inputs: int, outputs: int) -> Shapes:
    return {name: (inputs, outputs), bias_name(name): (outputs,)}


def _snake(name: str, channels: int) -> Shapes:
    return {f"{name}.speed": (channels,), f"{name}.height": (channels,)}


def _convolution(name: str, inputs: int, outputs: int, taps: int, together: int) -> Shapes:
    """together: how many neighbouring outputs share products."""
    if together == 1:
        return _dense(name, taps * inputs, outputs)
    points = together + taps - 1
    return {
        name: (points, inputs, outputs),
        bias_name(name): (outputs,),
        spread_name(name): (points, points),
        combine_name(name): (together, points),
    }
