"""The decoder's second half, nearly all of the work: the convolution stack from rows to samples. Waves throughout."""

from typing import Final

import numpy as np

from timbre_engine.convert.codec_layout import DILATIONS, Sizes
from timbre_engine.convert.codec_stream import Stream

_LEAST_DIVISOR: Final = 1e-9


def decoded(stream: Stream, sizes: Sizes, rows: str) -> str:
    """Upsampled rows -> samples [batch, time] within [-1, 1]."""
    graph = stream.graph
    wave = graph.op("Transpose", stream.convolved(rows, "decoder.0", "decoder.0"), perm=[0, 2, 1])
    for block, rate in enumerate(sizes.upsample_rates):
        name = f"decoder.{block + 1}.block."
        wave = _transposed(stream, f"{name}1", _snake(stream, f"{name}0", wave), rate)
        for unit, dilation in enumerate(DILATIONS):
            wave = _residual(stream, f"{name}{unit + 2}.", wave, dilation)
    end = len(sizes.upsample_rates) + 1
    samples = _convolution(stream, f"decoder.{end + 1}", _snake(stream, f"decoder.{end}", wave), 1)
    bounds = (graph.constant(np.array(bound, dtype=np.float32)) for bound in (-1, 1))
    return graph.op("Clip", graph.op("Squeeze", samples, graph.ints(1)), *bounds)


def _residual(stream: Stream, prefix: str, wave: str, dilation: int) -> str:
    inner = _convolution(stream, f"{prefix}conv1", _snake(stream, f"{prefix}act1", wave), dilation)
    inner = _convolution(stream, f"{prefix}conv2", _snake(stream, f"{prefix}act2", inner), 1)
    return stream.graph.op("Add", wave, inner)


def _snake(stream: Stream, name: str, wave: str) -> str:
    """x + sin(x * e^alpha)^2 / (e^beta + 1e-9) by channel."""
    graph = stream.graph
    speed = np.exp(stream.take(f"{name}.alpha"))[:, None]
    height = 1 / (np.exp(stream.take(f"{name}.beta")) + np.float32(_LEAST_DIVISOR))[:, None]
    sine = graph.op("Sin", graph.op("Mul", wave, graph.constant(speed)))
    return graph.op("Add", wave, graph.op("Mul", graph.op("Mul", sine, sine), graph.constant(height)))


def _convolution(stream: Stream, name: str, wave: str, dilation: int) -> str:
    weight, bias = stream.take(f"{name}.conv.weight"), stream.take(f"{name}.conv.bias")
    history = (weight.shape[2] - 1) * dilation
    if history:
        wave = stream.joined(wave, name, history, weight.shape[1], axis=2)
    constants = stream.graph.constant(weight), stream.graph.constant(bias)
    return stream.graph.op("Conv", wave, *constants, dilations=[dilation], kernel_shape=[weight.shape[2]])


def _transposed(stream: Stream, name: str, wave: str, rate: int) -> str:
    """A transposed convolution of kernel 2 * rate and stride `rate`, cut on the right by `rate`.

    Each output step depends on two input steps: a convolution of kernel 2 makes `rate` times the channels.
    """
    graph = stream.graph
    weight, bias = stream.take(f"{name}.conv.weight"), stream.take(f"{name}.conv.bias")
    inputs, outputs, _ = weight.shape
    # [in, out, (now, before), phase] -> [phase, out, in, (before, now)]
    kernel = weight.reshape(inputs, outputs, 2, rate)[:, :, ::-1].transpose(3, 1, 0, 2).reshape(-1, inputs, 2)
    seen = stream.joined(wave, name, 1, inputs, axis=2)
    phases = graph.op("Conv", seen, graph.constant(kernel), graph.constant(np.tile(bias, rate)), kernel_shape=[2])
    parted = graph.op("Transpose", graph.reshape(phases, 0, rate, outputs, -1), perm=[0, 2, 3, 1])
    return graph.reshape(parted, 0, outputs, -1)
