"""How a model's matrices and tables are stored in an ONNX graph, by quantisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_engine.convert.blocks import quantise
from timbre_engine.convert.graph import FLOAT, MICROSOFT, Graph
from timbre_engine.model.manifest import Quantisation

_INT8_ACTIVATIONS: Final = 4
"""MatMulNBits' accuracy level: inputs are rounded to 8 bits too, which is what makes it fast."""


@dataclass(frozen=True)
class Storage:
    """How weights are stored: bits of a matrix' value (32 and 16 are floats), and the values that share a scale."""

    bits: int
    block: int = 0

    def product(self, graph: Graph, value: str, matrix: NDArray[np.float32]) -> str:
        """value [..., columns] times the transpose of matrix [rows, columns]."""
        if self.bits == 32:
            return graph.add("MatMul", value, graph.constant(matrix.T))
        if self.bits == 16:
            return graph.add("MatMul", value, graph.unfolded(matrix.T))
        blocks = quantise(matrix, self.bits, self.block)
        return graph.add(
            "MatMulNBits",
            value,
            graph.constant(blocks.packed),
            graph.constant(blocks.scales),
            domain=MICROSOFT,
            N=matrix.shape[0],
            K=matrix.shape[1],
            bits=self.bits,
            block_size=self.block,
            accuracy_level=_INT8_ACTIVATIONS,
        )

    def rows(self, graph: Graph, index: str, table: NDArray[np.float32]) -> str:
        """Rows of a table. Only float32 storage keeps them exact: few are read, so half the memory is what counts."""
        if self.bits == 32:
            return graph.add("Gather", graph.constant(table), index)
        return graph.add("Cast", graph.add("Gather", graph.constant(table.astype(np.float16)), index), to=FLOAT)


STORAGE: Final[Mapping[Quantisation, Storage]] = {
    Quantisation.F32: Storage(32),
    Quantisation.F16: Storage(16),
    Quantisation.Q8_0: Storage(8, 32),
    Quantisation.Q4_0: Storage(4, 64),
    Quantisation.Q4_K_M: Storage(4, 32),
}
