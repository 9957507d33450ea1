"""How a model's matrices and tables are stored in an ONNX graph, by quantisation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from timbre_engine.convert.blocks import quantise
from timbre_engine.convert.onnx_graph import MICROSOFT, Graph
from timbre_engine.model.manifest import Quantisation
from timbre_engine.model.predictor import scales_name

_INT8_ACTIVATIONS: Final = 4
"""MatMulNBits' accuracy level: inputs are rounded to 8 bits too, which is what makes it fast."""
_TABLE_BITS: Final = 8
_TABLE_BLOCK: Final = 32


@dataclass(frozen=True)
class Matrix:
    """A matrix in a graph; any number of nodes may multiply with it."""

    operator: str
    weights: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def product(self, graph: Graph, value: str) -> str:
        """value [..., columns] times the transpose of the matrix: [..., rows]."""
        return graph.op(self.operator, value, *self.weights, **self.attributes)


@dataclass(frozen=True)
class AdaptedMatrix:
    """A matrix to which each stream adds a product of low rank; a and b are values of the graph."""

    matrix: Matrix
    a: str
    """[streams or 1, columns, rank]"""
    b: str
    """[streams or 1, rank, rows]"""

    def product(self, graph: Graph, value: str) -> str:
        """value [streams, positions, columns] times the transpose of the sum: [streams, positions, rows]."""
        low = graph.op("MatMul", graph.op("MatMul", value, self.a), self.b)
        return graph.op("Add", self.matrix.product(graph, value), low)


Factor = Matrix | AdaptedMatrix
"""What a value is multiplied with."""


@dataclass(frozen=True)
class Table:
    """A table in a graph."""

    operator: str
    weights: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    half: bool = False

    def rows(self, graph: Graph, index: str) -> str:
        """The rows of an index, float32 [*index, columns]."""
        values, *scales = self.weights
        rows = graph.op(self.operator, values, index, *scales, **self.attributes)
        return graph.cast(rows, np.float32) if self.half else rows


@dataclass(frozen=True)
class Storage:
    """How weights are stored: bits of a matrix' value (32 and 16 are floats), and the values that share a scale."""

    bits: int
    block: int = 0

    def matrix(self, graph: Graph, matrix: NDArray[np.float32], name: str) -> Matrix:
        """Put a matrix [rows, columns] into the graph, its constants under this name (`model.predictor` says which)."""
        if self.bits == 32:
            return Matrix("MatMul", (graph.constant(matrix.T, name),))
        if self.bits == 16:
            # The runtime widens it once, when it loads the file.
            return Matrix("MatMul", (graph.cast(graph.constant(matrix.T.astype(np.float16), name), np.float32),))
        blocks = quantise(matrix, self.bits, self.block)
        attributes = {
            "domain": MICROSOFT,
            "N": matrix.shape[0],
            "K": matrix.shape[1],
            "bits": self.bits,
            "block_size": self.block,
            "accuracy_level": _INT8_ACTIVATIONS,
        }
        weights = graph.constant(blocks.packed, name), graph.constant(blocks.scales, scales_name(name))
        return Matrix("MatMulNBits", weights, attributes)

    def table(self, graph: Graph, table: NDArray[np.float32], name: str) -> Table:
        """Put a table [rows, columns] into the graph, as `matrix`. Few rows are ever read, so its memory is what
        counts: where matrices have few bits, it has 8.
        """
        if self.bits == 32:
            return Table("Gather", (graph.constant(table, name),))
        if self.bits == 16:
            return Table("Gather", (graph.constant(table.astype(np.float16), name),), half=True)
        blocks = quantise(table, _TABLE_BITS, _TABLE_BLOCK)
        attributes = {"domain": MICROSOFT, "bits": _TABLE_BITS, "block_size": _TABLE_BLOCK, "quantize_axis": 1}
        levels = graph.constant(blocks.levels.reshape(len(table), -1)[:, : table.shape[1]], name)
        scales = graph.constant(blocks.scales, scales_name(name))
        return Table("GatherBlockQuantized", (levels, scales), attributes)


STORAGE: Final[Mapping[Quantisation, Storage]] = {
    Quantisation.F32: Storage(32),
    Quantisation.F16: Storage(16),
    Quantisation.Q8_0: Storage(8, 128),
    Quantisation.Q4_0: Storage(4, 64),
    Quantisation.Q4_K_M: Storage(4, 32),
}
