"""Convolutions with shared products against the plain sum of products."""

import numpy as np
import onnxruntime as ort
import pytest

from timbre_engine.convert.codec_convolution import Kernel, convolved
from timbre_engine.convert.codec_stream import BATCH, NEXT, STATE, Stream, single
from timbre_engine.convert.fast_convolution import transform
from timbre_engine.convert.onnx_graph import Graph


@pytest.mark.parametrize(("outputs", "taps"), [(4, 2), (2, 7), (4, 7), (6, 7)])
def test_a_transform_is_exact(outputs: int, taps: int) -> None:
    random = np.random.default_rng(1)
    inputs, weights = random.standard_normal(outputs + taps - 1), random.standard_normal(taps)
    by = transform(outputs, taps)
    found = by.combine @ ((by.filters @ weights) * (by.spread @ inputs))
    assert np.allclose(found, np.correlate(inputs, weights), rtol=0, atol=1e-9)


@pytest.mark.parametrize("channels", [8, 256])
@pytest.mark.parametrize(
    ("taps", "dilation", "outputs"), [(2, 1, 1), (7, 1, 1), (2, 1, 4), (7, 1, 2), (7, 3, 4), (7, 9, 6)]
)
@pytest.mark.parametrize("frames", [(5,), (1, 3, 1)])
def test_a_cut_convolution_is_the_plain_one(
    channels: int, taps: int, dilation: int, outputs: int, frames: tuple[int, ...]
) -> None:
    per_frame, batch = 12, 2
    random = np.random.default_rng(2)
    weight = random.standard_normal((6, channels, taps)) / np.sqrt(channels * taps)
    bias, above = random.standard_normal(6), random.standard_normal(channels)
    kernel = Kernel(weight, bias + weight.sum(axis=2) @ above, above, dilation)
    graph = Graph("test")
    rows = graph.input("rows", [BATCH, "time", channels])
    stream = Stream(graph, lambda name: pytest.fail(f"{name} is not needed"))
    graph.output(convolved(stream, rows, "layer", kernel, per_frame, outputs), "made", [BATCH, "time", 6])
    session = ort.InferenceSession(graph.model().SerializeToString(), providers=["CPUExecutionProvider"])

    total, history = per_frame * sum(frames), (taps - 1) * dilation
    true = random.standard_normal((batch, total, channels))
    padded = np.concatenate([np.zeros((batch, history, channels)), true], axis=1)
    expected = bias + sum(
        padded[:, tap * dilation : tap * dilation + total] @ weight[:, :, tap].T for tap in range(taps)
    )
    state, found, start = np.zeros((batch, history, channels), np.float32), [], 0
    for count in frames:
        piece = single(true[:, start : start + count * per_frame] - above)
        made, state = session.run(["made", NEXT + "layer"], {"rows": piece, STATE + "layer": state})
        found.append(made)
        start += count * per_frame
    assert np.abs(np.concatenate(found, axis=1) - expected).max() < 1e-4
