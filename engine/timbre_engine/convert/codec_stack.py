"""The decoder's second half, nearly all of the work: the convolution stack from rows to samples.

SnakeBeta, x + sin(a x)^2 / b, is x - h cos(2 a x) + h with h = 1 / (2 b); the last h goes into the bias that follows.
"""

import math
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_engine.convert.codec_convolution import Kernel, convolved
from timbre_engine.convert.codec_layout import Sizes
from timbre_engine.convert.codec_stream import Stream, single
from timbre_engine.model.codec import DILATIONS, TAPS

_LEAST_DIVISOR: Final = 1e-9


def decoded(stream: Stream, sizes: Sizes, rows: str) -> str:
    """Upsampled rows -> samples [batch, time] within [-1, 1]."""
    graph = stream.graph
    rows = stream.convolved(rows, "decoder.0")
    per_frame = math.prod(sizes.upsampling_ratios)
    blocks = len(sizes.upsample_rates)
    together = zip(spread_together(blocks), units_together(blocks), strict=True)
    for block, (rate, (spread, units)) in enumerate(zip(sizes.upsample_rates, together, strict=True), 1):
        rows = _transposed(stream, block, rows, rate, per_frame, spread)
        per_frame *= rate
        for unit, dilation in enumerate(DILATIONS, 1):
            rows = _residual(stream, block, unit, rows, dilation, per_frame, units)
    samples = _last(stream, f"decoder.{blocks + 1}", f"decoder.{blocks + 2}", rows)
    bounds = (graph.constant(np.array(bound, dtype=np.float32)) for bound in (-1, 1))
    return graph.op("Clip", graph.op("Squeeze", samples, graph.ints(2)), *bounds)


def spread_together(blocks: int) -> tuple[int, ...]:
    """How many outputs of each block's transposed convolution share products."""
    # The weights of the first two would take more memory in that form than the products save time.
    return tuple(1 if block < 2 else 4 for block in range(blocks))


def units_together(blocks: int) -> tuple[int, ...]:
    """How many outputs of each block's residual units share products."""
    # The more outputs share products, the more is saved and the more is rounded, which later blocks amplify.
    return tuple(2 if block == 0 else 6 if block == blocks - 1 else 4 for block in range(blocks))


@dataclass(frozen=True)
class _Snake:
    """SnakeBeta by channel: x - height * cos(speed * x) + height."""

    speed: NDArray[np.float64]
    height: NDArray[np.float64]

    @staticmethod
    def take(stream: Stream, name: str) -> "_Snake":
        alpha, beta = (stream.take(f"{name}.{kind}").astype(np.float64) for kind in ("alpha", "beta"))
        return _Snake(2 * np.exp(alpha), 0.5 / (np.exp(beta) + _LEAST_DIVISOR))

    def lowered(self, stream: Stream, rows: str, name: str) -> str:
        """All of it but the height added last."""
        graph = stream.graph
        speed, height = (graph.constant(single(getattr(self, each)), f"{name}.{each}") for each in ("speed", "height"))
        return graph.op("Sub", rows, graph.op("Mul", graph.op("Cos", graph.op("Mul", rows, speed)), height))


def _weights(stream: Stream, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    weight, bias = (stream.take(f"{name}.conv.{kind}").astype(np.float64) for kind in ("weight", "bias"))
    return weight, bias


def _residual(stream: Stream, block: int, number: int, rows: str, dilation: int, per_frame: int, outputs: int) -> str:
    graph, prefix, name = stream.graph, f"decoder.{block}.block.{number + 1}.", f"decoder.{block}.{number}"
    first, second = (_Snake.take(stream, f"{prefix}{act}") for act in ("act1", "act2"))
    weight, bias = _weights(stream, f"{prefix}conv1")
    # The first convolution's rows come out multiplied by the second snake's speed, as its cosine takes them.
    kernel = Kernel(
        weight * second.speed[:, None, None],
        (bias + weight.sum(axis=2) @ first.height) * second.speed,
        first.height,
        dilation,
    )
    inner = convolved(stream, first.lowered(stream, rows, name), f"{name}.taps", kernel, per_frame, outputs)
    swing = graph.constant(single(second.speed * second.height), f"{name}.swing")
    inner = graph.op("Sub", inner, graph.op("Mul", graph.op("Cos", inner), swing))
    weight, bias = _weights(stream, f"{prefix}conv2")
    mix = weight[:, :, 0]
    mixed = stream.dense(inner, f"{name}.mix", (mix / second.speed).T, bias + mix @ second.height)
    return graph.op("Add", rows, mixed)


def _transposed(stream: Stream, block: int, rows: str, rate: int, per_frame: int, outputs: int) -> str:
    """SnakeBeta, then a transposed convolution of kernel 2 * rate and stride `rate`, cut on the right by `rate`.

    Each output step depends on two input steps: a convolution of kernel 2 makes `rate` times the channels, which lie in
    memory as the rows shall.
    """
    graph, prefix, name = stream.graph, f"decoder.{block}.block.", f"decoder.{block}"
    snake = _Snake.take(stream, f"{prefix}0")
    weight, bias = _weights(stream, f"{prefix}1")
    inputs, channels, _ = weight.shape
    # [in, out, (now, before), phase] -> [phase, out, in, (before, now)]
    phases = weight.reshape(inputs, channels, 2, rate)[:, :, ::-1].transpose(3, 1, 0, 2).reshape(-1, inputs, 2)
    kernel = Kernel(phases, np.tile(bias, rate) + phases.sum(axis=2) @ snake.height, snake.height)
    made = convolved(stream, snake.lowered(stream, rows, name), f"{name}.up", kernel, per_frame, outputs)
    return graph.op("Reshape", made, graph.op("Concat", graph.size(rows, 0), graph.ints(-1, channels), axis=0))


def _last(stream: Stream, act: str, name: str, rows: str) -> str:
    """SnakeBeta, then the convolution to one channel: a product a tap, added up with the rows shifted."""
    graph = stream.graph
    snake = _Snake.take(stream, act)
    weight, bias = _weights(stream, name)
    seen = stream.joined(snake.lowered(stream, rows, "last"), "last", TAPS - 1, weight.shape[1], snake.height)
    taps = graph.ops("Split", TAPS, stream.dense(seen, "last", weight[0]), axis=2, num_outputs=TAPS)
    shifted = [graph.slice(tap, start, start - TAPS + 1 or None, axis=1) for start, tap in enumerate(taps)]
    total = reduce(lambda left, right: graph.op("Add", left, right), shifted)
    return graph.op("Add", total, stream.bias("last", bias + weight.sum(axis=2) @ snake.height))
