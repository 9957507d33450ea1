"""The code predictor: codes 1..15 of a frame, for several streams at once, in one call of ONNX Runtime."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput
from timbre_engine.model.manifest import Sampling
from timbre_engine.model.predictor import ADAPTED, CODES, VOCABULARY
from timbre_engine.qwen3tts import providers
from timbre_engine.qwen3tts.options import Provider
from timbre_engine.qwen3tts.predictor_factors import Factors
from timbre_engine.qwen3tts.sampling import Draw

_FACTOR_DIMENSIONS: Final = 3
_TIES: Final = 16
"""Candidates looked at beyond top_k, so that what ties with the k-th is seen."""


class Predictor:
    """A model directory's `predictor.onnx`, loaded. One call at a time."""

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        spinning: bool = False,
        provider: Provider = "cpu",
        gpu_layers: int = 0,
    ) -> None:
        """Threads that wait for work by spinning answer sooner, and take the time from whatever else has the core.

        `provider`, with the talker's `gpu_layers`: where it computes. Raises SetupError where it cannot be loaded.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
        self._session: Any = providers.session(path, options, provider, gpu_layers)
        shapes = {each.name: each.shape for each in self._session.get_inputs()}
        self._width = int(shapes["hidden"][1])
        self.threads: Final = threads
        self.takes_adapters: Final = ADAPTED in shapes
        """Whether the file was made with a place for them."""
        # Of rank 0.
        self._none: Factors = {
            name: np.empty([1, *(size if isinstance(size, int) else 0 for size in shape[1:])], np.float32)
            for name, shape in shapes.items()
            if len(shape) == _FACTOR_DIMENSIONS
        }

    def predict(
        self,
        hidden: NDArray[np.float32],
        code0_embedding: NDArray[np.float32],
        draws: Sequence[Draw],
        factors: Factors | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """A frame of every stream.

        hidden: the talker's last hidden state, after its final norm; code0_embedding: code 0 through the talker's codec
        embedding; both [batch, talker_hidden], and a draw a stream. `factors`: what adapters add, by the names and
        in the shapes of `timbre_engine.model.predictor`; matrices that are left out stay as they are. Returns the
        codes, int32 [batch, 15], and the sum of their embeddings, [batch, talker_hidden]. Raises InvalidInput where
        shapes or settings do not fit.
        """
        inputs = checked_inputs(hidden, code0_embedding, draws, self._width)
        width = np.array([min(int(inputs["top_k"].max()) + _TIES, VOCABULARY)], np.int64)
        codes, total = self._session.run(
            ["codes", "embedding_sum"], {**inputs, "width": width, **self.adapter_inputs(factors)}
        )
        return codes, total

    def adapter_inputs(self, factors: Factors | None) -> Mapping[str, NDArray[Any]]:
        """Those of the graph's inputs that tell what adapters add."""
        if not self.takes_adapters:
            return {}
        return graph_inputs(self._none, factors)


def graph_inputs(none: Factors, factors: Factors | None) -> Mapping[str, NDArray[Any]]:
    """Those of the graph's inputs that tell what adapters add; `none`: each factor at rank 0."""
    return {ADAPTED: np.array([factors is not None]), **none, **(factors or {})}


def checked_inputs(
    hidden: NDArray[np.float32], code0_embedding: NDArray[np.float32], draws: Sequence[Draw], width: int
) -> dict[str, NDArray[Any]]:
    """The other inputs but `width`, by name, each C-contiguous. Raises InvalidInput where one does not fit."""
    shape = (len(draws), width)
    for name, array in (("hidden", hidden), ("code0_embedding", code0_embedding)):
        if array.shape != shape or array.dtype != np.float32:
            raise InvalidInput(f"float32 {shape} is right, not {array.dtype} {array.shape}", name)
    settings = [_checked(each.settings) for each in draws]
    return {
        "hidden": np.ascontiguousarray(hidden),
        "code0_embedding": np.ascontiguousarray(code0_embedding),
        "uniform": np.stack([each.uniform(CODES) for each in draws], axis=1),
        "temperature": np.array([each.temperature for each in settings], np.float32),
        "top_k": np.array([each.top_k or VOCABULARY for each in settings], np.int64).clip(max=VOCABULARY),
        "top_p": np.array([each.top_p for each in settings], np.float32),
    }


def _checked(settings: Sampling) -> Sampling:
    """Settings as the graph takes them; a top_p of 1 goes out of rounding's reach."""
    if settings.repetition_penalty != 1:
        raise InvalidInput("a code has no history: 1 is right", "repetition_penalty")
    if settings.temperature == 0:
        return Sampling(temperature=1, top_k=1, top_p=2)
    return Sampling(
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p if settings.top_p < 1 else 2,
    )
