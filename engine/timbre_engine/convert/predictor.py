"""`predictor.onnx`: a frame's codes 1..15 from the talker's hidden state and the embedding of code 0, in one call.

The fifteen steps are written out one after the other, twice: as they are, and with what adapters add. One of the two is
computed. The weights that they share are in the file and in memory once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.draw import Draw
from timbre_engine.convert.onnx_graph import Graph
from timbre_engine.convert.qwen3 import Cache, Layers, Moment
from timbre_engine.convert.weights import STORAGE, Matrix, Storage, Table
from timbre_engine.model.manifest import Quantisation, Transformer
from timbre_engine.model.predictor import ADAPTED, CODES, VOCABULARY, factor_name, matrix_shapes

_OPSET: Final = 21
"""Its speed was measured with this one."""
_PREFIX: Final = "talker.code_predictor."


def write_predictor(
    checkpoint: Checkpoint, talker_hidden: int, sizes: Transformer, quantisation: Quantisation, path: Path
) -> None:
    """Write the code predictor of a checkpoint as one ONNX file. Raises InvalidInput that names a tensor.

    `timbre_engine.model.predictor` says what goes in and what comes out.
    """
    build(checkpoint, talker_hidden, sizes, STORAGE[quantisation]).save(path, check=False)


def build(checkpoint: Checkpoint, talker_hidden: int, sizes: Transformer, storage: Storage) -> Graph:
    """The same, with weights stored in any way, and not yet written."""
    graph = Graph("code predictor", _OPSET)
    axis = graph.ints(1)
    rows = [graph.input(name, ["batch", talker_hidden]) for name in ("hidden", "code0_embedding")]
    graph.input("uniform", [CODES, "batch"])
    draw = Draw(graph)
    project = _projection(graph, checkpoint, talker_hidden, sizes.hidden, storage)
    layers = Layers(graph, checkpoint, f"{_PREFIX}model.", sizes, storage, CODES + 1)

    batch = graph.op("Shape", rows[0], start=0, end=1)
    first = graph.op("Concat", *(graph.op("Unsqueeze", row, axis) for row in rows), axis=1)
    none = graph.op("Concat", batch, graph.ints(sizes.kv_heads, 0, sizes.head_dim), axis=0)
    empty = [Cache(*[graph.op("ConstantOfShape", none)] * 2)] * sizes.layers
    steps = [_step(graph, checkpoint, number, batch, talker_hidden, sizes.hidden, storage) for number in range(CODES)]
    adapted = layers.adapted(_factors(graph, sizes))

    def frame(layers: Layers) -> tuple[str, str]:
        value, caches, codes, embeddings = first, empty, [], []
        for step in steps:
            hidden, caches = layers.run(project(value), step.moment, caches)
            codes.append(draw.token(step.head.product(graph, hidden), step.uniform))
            value = step.table.rows(graph, codes[-1])
            embeddings.append(value)
        drawn = graph.cast(graph.op("Concat", *codes, axis=1), np.int32)
        return drawn, graph.op("Squeeze", graph.op("Sum", *embeddings), axis)

    wanted = graph.input(ADAPTED, [1], np.bool_)
    codes, total = graph.choose(wanted, lambda: frame(adapted), lambda: frame(layers), (np.int32, np.float32))
    graph.output(codes, "codes", ["batch", CODES], np.int32)
    graph.output(total, "embedding_sum", ["batch", talker_hidden])
    return graph


@dataclass(frozen=True)
class _Step:
    """What a step computes with beside the layers, adapted or not."""

    moment: Moment
    uniform: str
    """[batch, 1]"""
    head: Matrix
    table: Table


def _step(
    graph: Graph, checkpoint: Checkpoint, number: int, batch: str, talker_hidden: int, hidden: int, storage: Storage
) -> _Step:
    # The first step reads two positions, each later one the code before.
    last, length = (graph.constant(np.int32(number + each)) for each in (1, 2))
    uniform = graph.op("Gather", "uniform", graph.constant(np.int64(number)))
    head, table = f"{_PREFIX}lm_head.{number}.weight", f"{_PREFIX}model.codec_embedding.{number}.weight"
    return _Step(
        Moment(graph.op("Expand", last, batch), length),
        graph.op("Unsqueeze", uniform, graph.ints(1)),
        storage.matrix(graph, checkpoint.take(head, (VOCABULARY, hidden)), f"heads.{number}"),
        storage.table(graph, checkpoint.take(table, (VOCABULARY, talker_hidden)), f"tables.{number}"),
    )


def _factors(graph: Graph, sizes: Transformer) -> list[dict[str, tuple[str, str]]]:
    """For each layer, the inputs that hold what adapters add to its matrices."""

    def factor(layer: int, matrix: str, half: str, *shape: int | str) -> str:
        return graph.input(factor_name(layer, matrix, half), ["adapters", *shape])

    return [
        {
            matrix: (
                factor(layer, matrix, "a", columns, f"{matrix}_{layer}_rank"),
                factor(layer, matrix, "b", f"{matrix}_{layer}_rank", rows),
            )
            for matrix, (rows, columns) in matrix_shapes(sizes).items()
        }
        for layer in range(sizes.layers)
    ]


def _projection(
    graph: Graph, checkpoint: Checkpoint, talker_hidden: int, hidden: int, storage: Storage
) -> Callable[[str], str]:
    """From the talker's width to the predictor's; where they are equal there is nothing to do."""
    if talker_hidden == hidden:
        return lambda value: value
    name = f"{_PREFIX}small_to_mtp_projection."
    matrix = storage.matrix(graph, checkpoint.take(f"{name}weight", (hidden, talker_hidden)), "projection")
    bias = graph.constant(checkpoint.take(f"{name}bias", (hidden,)), "projection.bias")
    return lambda value: graph.op("Add", matrix.product(graph, value), bias)
