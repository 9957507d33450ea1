"""A causal convolution of many rows, the codec's main work, with products shared between neighbouring outputs."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_engine.convert.codec_stream import Stream, single
from timbre_engine.convert.fast_convolution import Transform, transform
from timbre_engine.model.codec import combine_name, point_name, spread_name

_WIDE: Final = 256
"""Channels from which on packing weights anew each run costs more than cutting the rows into one product a point."""


@dataclass(frozen=True)
class Kernel:
    """A convolution's weights in double precision, since they are folded and transformed before they are rounded."""

    weight: NDArray[np.float64]
    """[out, in, taps]."""
    bias: NDArray[np.float64]
    """[out]."""
    above: NDArray[np.float64]
    """[in]: what the rows that come in lack to the layer's true input; `bias` makes up for it already."""
    dilation: int = 1


def convolved(stream: Stream, rows: str, name: str, kernel: Kernel, per_frame: int, outputs: int) -> str:
    """Rows [batch, time, in] -> [batch, time, out], by constants of this name.

    per_frame: rows that a frame has here. outputs: how many neighbours share products; 1 is the plain sum of products.
    """
    graph = stream.graph
    channels, inputs, taps = kernel.weight.shape
    history = (taps - 1) * kernel.dilation
    if outputs == 1:
        weight = kernel.weight.transpose(2, 1, 0).reshape(-1, channels)
        seen = stream.joined(rows, name, history, inputs, kernel.above)
        return stream.dense(stream.beside(seen, taps, kernel.dilation), name, weight, kernel.bias)
    fill = _fill(stream, rows, inputs, outputs * kernel.dilation) if per_frame % (outputs * kernel.dilation) else ""
    seen = stream.joined(rows, name, history, inputs, kernel.above, fill)
    made = _shared(stream, seen, name, kernel, transform(outputs, taps))
    if fill:
        made = graph.op("Slice", made, graph.ints(0), graph.size(rows, 1), graph.ints(1))
    return graph.op("Add", made, stream.bias(name, kernel.bias))


def _fill(stream: Stream, rows: str, channels: int, multiple: int) -> str:
    """Rows of zeros that make the time a whole multiple."""
    graph = stream.graph
    missing = graph.op("Mod", graph.op("Neg", graph.size(rows, 1)), graph.ints(multiple))
    return graph.op("ConstantOfShape", graph.op("Concat", graph.size(rows, 0), missing, graph.ints(channels), axis=0))


def _shared(stream: Stream, seen: str, name: str, kernel: Kernel, by: Transform) -> str:
    """Time is cut into [tile, output, dilation]: a tile's outputs lie a dilation apart, as do the inputs they share."""
    graph = stream.graph
    channels, inputs, _ = kernel.weight.shape
    outputs, points = by.combine.shape
    weights = single(np.einsum("nk,oik->nio", by.filters, kernel.weight))
    # In three dimensions, since ONNX Runtime brings a convolution of two into blocks of channels and back: slower here.
    image = graph.reshape(seen, 0, 1, -1, 1, kernel.dilation * inputs)
    spread = graph.constant(single(by.spread).reshape(points, 1, points, 1, 1), spread_name(name))
    spread = graph.op("Conv", image, spread, strides=[outputs, 1, 1], kernel_shape=[points, 1, 1])
    spread = graph.reshape(spread, 0, points, -1, inputs)
    if inputs < _WIDE:
        product = stream.dense(spread, name, weights)
    else:
        parts = graph.ops("Split", points, spread, axis=1, num_outputs=points)
        each = zip(parts, weights, strict=True)
        products = [stream.dense(part, point_name(name, point), weight) for point, (part, weight) in enumerate(each)]
        product = graph.op("Concat", *products, axis=1)
    combine = graph.constant(single(by.combine), combine_name(name))
    combined = graph.op("MatMul", combine, graph.reshape(product, 0, points, -1))
    tiles = graph.reshape(combined, 0, outputs, -1, kernel.dilation * channels)
    return graph.reshape(graph.op("Transpose", tiles, perm=[0, 2, 1, 3]), 0, -1, channels)
