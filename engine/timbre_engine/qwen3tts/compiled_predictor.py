"""The code predictor by `kernels/predictor.c`: from the same file as ONNX Runtime, on one thread, and sooner."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import EngineUnavailable, InvalidInput, SetupError
from timbre_engine.kernels import predictor as kernel
from timbre_engine.model import onnx_constants
from timbre_engine.model.manifest import Transformer
from timbre_engine.model.predictor import CODES, MATRICES, VOCABULARY, factor_name, matrix_shapes, scales_name
from timbre_engine.qwen3tts.predictor import checked_inputs, graph_inputs
from timbre_engine.qwen3tts.predictor_factors import Factors
from timbre_engine.qwen3tts.sampling import Draw

_BLOCK: Final = 32
"""Columns that share a scale, as the library takes them."""
_LANES: Final = 8
"""Rows that it computes at once."""
_LAYER: Final = [
    "before_attention",
    "queries_keys_values",
    "query_norm",
    "key_norm",
    "output",
    "before_mlp",
    "gate_up",
    "down",
]
"""A layer's weights in the order in which the library takes them."""
_MOST_RANK: Final = 4096
"""Of what adapters add to a matrix together."""


class CompiledPredictor:
    """A model directory's `predictor.onnx`, laid out for the library. One call at a time."""

    takes_adapters: Final = True
    threads: Final = 1

    def __init__(self, library: Any, weights: "_Weights", talker_hidden: int, sizes: Transformer) -> None:
        """Raises SetupError where there is not enough memory."""
        self._library = library
        self._sizes = sizes
        self._width = talker_hidden
        self._kept = weights.kept
        layout = kernel.Sizes(
            *(talker_hidden, sizes.hidden, sizes.layers, sizes.heads, sizes.kv_heads, sizes.head_dim, sizes.ffn),
            sizes.norm_eps,
            sizes.rope_theta,
        )
        self._handle = library.timbre_predictor_new(layout, (kernel.Source * len(weights.sources))(*weights.sources))
        if not self._handle:
            raise SetupError("there is not enough memory for the code predictor")

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.timbre_predictor_free(self._handle)

    def predict(
        self,
        hidden: NDArray[np.float32],
        code0_embedding: NDArray[np.float32],
        draws: Sequence[Draw],
        factors: Factors | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """A frame of every stream, as `Predictor.predict`."""
        inputs = checked_inputs(hidden, code0_embedding, draws, self._width)
        top_k = inputs["top_k"].astype(np.int32)
        added = _factors(factors or {}, self._sizes)
        request = kernel.Request(
            len(draws),
            all(len(factor) == 1 for factor in (factors or {}).values()),
            *(inputs[name].ctypes.data for name in ("hidden", "code0_embedding", "uniform", "temperature")),
            top_k.ctypes.data,
            inputs["top_p"].ctypes.data,
            added,
        )
        codes = np.empty((len(draws), CODES), np.int32)
        total = np.empty((len(draws), self._width), np.float32)
        if self._library.timbre_predictor_frame(self._handle, request, codes.ctypes.data, total.ctypes.data):
            raise EngineUnavailable("there is not enough memory for a frame of the code predictor")
        return codes, total

    def adapter_inputs(self, factors: Factors | None) -> Mapping[str, NDArray[Any]]:
        """As `Predictor.adapter_inputs`, for who runs the graph."""
        none = {
            factor_name(layer, matrix, half): np.empty((1, columns, 0) if half == "a" else (1, 0, rows), np.float32)
            for layer in range(self._sizes.layers)
            for matrix, (rows, columns) in matrix_shapes(self._sizes).items()
            for half in "ab"
        }
        return graph_inputs(none, factors)


def compiled(path: Path, talker_hidden: int, sizes: Transformer) -> CompiledPredictor | None:
    """The file by the library; None where that was not built, is not for this processor, or has no form for them.

    Raises SetupError where there is not enough memory.
    """
    library = kernel.library()
    if library is None:
        return None
    try:
        weights = _Weights(onnx_constants.constants(path), talker_hidden, sizes)
    except (OSError, InvalidInput, _Unfit):
        return None  # what is wrong with the file ONNX Runtime says
    return CompiledPredictor(library, weights, talker_hidden, sizes)


def _factors(factors: Factors, sizes: Transformer) -> Any:
    """What adapters add, a `struct factor` for each layer and matrix."""

    def factor(layer: int, matrix: str) -> kernel.Factor:
        a, b = (factors.get(factor_name(layer, matrix, half)) for half in "ab")
        if a is None or b is None:
            return kernel.Factor()
        rank = a.shape[-1]
        if not (
            a.flags.c_contiguous and b.flags.c_contiguous and a.dtype == b.dtype == np.float32 and rank <= _MOST_RANK
        ):
            raise InvalidInput(f"float32 of a rank up to {_MOST_RANK} is right, side by side", "factors")
        return kernel.Factor(a.ctypes.data, b.ctypes.data, rank)

    places = [factor(layer, matrix) for layer in range(sizes.layers) for matrix in MATRICES]
    return (kernel.Factor * len(places))(*places) if factors else None


class _Unfit(Exception):
    """Weights that the library does not compute with."""


class _Weights:
    """A file's weights in the library's order."""

    def __init__(self, constants: Mapping[str, NDArray[Any]], talker_hidden: int, sizes: Transformer) -> None:
        """Raises _Unfit."""
        if sizes.head_dim % (2 * _LANES) or talker_hidden % _BLOCK or sizes.hidden % _BLOCK:
            raise _Unfit
        self._constants = constants
        self.kept: list[NDArray[Any]] = []
        """What has to stay in memory as long as the library computes."""
        self._copied: list[NDArray[Any]] = []
        shapes = matrix_shapes(sizes)
        vectors = {
            "before_attention": sizes.hidden,
            "query_norm": sizes.head_dim,
            "key_norm": sizes.head_dim,
            "before_mlp": sizes.hidden,
        }
        self.sources = [kernel.Source(), kernel.Source()]
        if talker_hidden != sizes.hidden:
            self.sources = [
                self._matrix("projection", (sizes.hidden, talker_hidden)),
                self._floats("projection.bias", (sizes.hidden,)),
            ]
        for layer, name in product(range(sizes.layers), _LAYER):
            full = f"layers.{layer}.{name}"
            self.sources.append(
                self._floats(full, (vectors[name],)) if name in vectors else self._matrix(full, shapes[name])
            )
        self.sources.append(self._floats("final", (sizes.hidden,)))
        for code in range(CODES):
            self.sources.append(self._matrix(f"heads.{code}", (VOCABULARY, sizes.hidden)))
            self.sources.append(self._table(f"tables.{code}", (VOCABULARY, talker_hidden)))

    def _matrix(self, name: str, shape: tuple[int, int]) -> kernel.Source:
        rows, columns = shape
        levels, scales = self._get(name), self._constants.get(scales_name(name))
        if scales is None:
            return self._floats(name, (columns, rows))
        # A longer block is several with the same scale.
        times = max(levels.shape[-1] // (_BLOCK // 2), 1)
        blocks = columns // _BLOCK
        whole = not columns % (_BLOCK * times) and not rows % _LANES
        kinds = levels.dtype == np.uint8 and scales.dtype == np.float32
        if not whole or not kinds or levels.shape != (rows, blocks // times, times * _BLOCK // 2):
            raise _Unfit(name)
        if scales.size != rows * blocks // times:
            raise _Unfit(name)
        return self._source(levels, np.repeat(scales.reshape(rows, -1), times, axis=1), copied=True)

    def _table(self, name: str, shape: tuple[int, int]) -> kernel.Source:
        levels, scales = self._get(name), self._constants.get(scales_name(name))
        if scales is None:
            return self._floats(name, shape)
        if levels.dtype != np.uint8 or levels.shape != shape or scales.shape != (shape[0], shape[1] // _BLOCK):
            raise _Unfit(name)
        return self._source(levels.copy(), scales.copy())

    def _floats(self, name: str, shape: tuple[int, ...]) -> kernel.Source:
        values = self._get(name)
        if values.dtype != np.float32 or values.shape != shape:
            raise _Unfit(name)
        return self._source(values.copy())

    def _source(
        self, values: NDArray[Any], scales: NDArray[Any] | None = None, *, copied: bool = False
    ) -> kernel.Source:
        """`copied`: by the library, when it is made."""
        (self._copied if copied else self.kept).extend([values] if scales is None else [values, scales])
        return kernel.Source(values.ctypes.data, None if scales is None else scales.ctypes.data)

    def _get(self, name: str) -> NDArray[Any]:
        if name not in self._constants:
            raise _Unfit(name)
        return self._constants[name]
