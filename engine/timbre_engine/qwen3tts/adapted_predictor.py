"""The code predictor with what each stream's adapters add to it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import Unsupported
from timbre_engine.model.manifest import PREDICTOR, Transformer
from timbre_engine.qwen3tts import predictor_factors
from timbre_engine.qwen3tts.compiled_predictor import CompiledPredictor
from timbre_engine.qwen3tts.lanes import LaneKey
from timbre_engine.qwen3tts.predictor import Predictor
from timbre_engine.qwen3tts.predictor_factors import Factors, Pairs
from timbre_engine.qwen3tts.sampling import Draw


class AdaptedPredictor:
    """For one thread, but for `refuse_unadaptable`.

    Streams that no adapter changes the predictor for are computed as if there were no others.
    """

    def __init__(self, predictor: Predictor | CompiledPredictor, sizes: Transformer) -> None:
        self._predictor = predictor
        self.threads: Final = predictor.threads
        """Threads that it computes on."""
        self._sizes = sizes
        self._held: dict[str, Pairs] = {}
        self._mixed: dict[LaneKey, Factors] = {}
        """Those of the last call's streams: a frame later they are mostly the same."""
        self._last: tuple[list[LaneKey], Factors] = [], {}
        """What was put together of them."""

    def refuse_unadaptable(self) -> None:
        """Raises Unsupported where the predictor's file has no place for adapters."""
        if not self._predictor.takes_adapters:
            raise Unsupported(
                f"it adapts the code predictor, and this model directory's {PREDICTOR} takes no adapters: convert the "
                "checkpoint again",
                "adapter",
            )

    def hold(self, digest: str, alpha: float, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep what an adapter's second file adds; `digest` is the first one's."""
        self._held[digest] = predictor_factors.pairs(alpha, tensors)

    def release(self, digest: str) -> None:
        """Free it; no stream may be using it. One that is not held is passed over."""
        if self._held.pop(digest, None) is not None:
            self._mixed, self._last = {}, ([], {})

    def predict(
        self,
        hidden: NDArray[np.float32],
        code0_embedding: NDArray[np.float32],
        draws: Sequence[Draw],
        keys: Sequence[LaneKey],
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """A frame of every stream, as `Predictor.predict`; `keys`: each stream's adapters."""
        applied = [self._applied(key) for key in keys]
        if not any(applied):
            return self._predictor.predict(hidden, code0_embedding, draws)
        adapted = [row for row, key in enumerate(applied) if key]
        plain = [row for row, key in enumerate(applied) if not key]
        factors = self._factors([applied[row] for row in adapted])
        answers = [
            self._predictor.predict(hidden[rows], code0_embedding[rows], [draws[row] for row in rows], added)
            for rows, added in ((adapted, factors), (plain, None))
            if rows
        ]
        codes, total = (np.concatenate(each) for each in zip(*answers, strict=True))
        back = np.argsort(adapted + plain)
        return codes[back], total[back]

    def adapter_inputs(self, key: LaneKey) -> Mapping[str, NDArray[Any]]:
        """The graph's inputs that tell what a stream's adapters add."""
        applied = self._applied(key)
        return self._predictor.adapter_inputs(self._factors([applied]) if applied else None)

    def _applied(self, key: LaneKey) -> LaneKey:
        """Those of a stream's adapters that change the predictor."""
        return tuple(used for used in key if used.digest in self._held and used.scale)

    def _factors(self, keys: list[LaneKey]) -> Factors:
        if keys != self._last[0]:
            each = self._mixed = {key: self._mixed.get(key) or self._mix(key) for key in keys}
            factors = each[keys[0]] if len(each) == 1 else predictor_factors.stacked([each[key] for key in keys])
            self._last = keys, factors
        return self._last[1]

    def _mix(self, key: LaneKey) -> Factors:
        return predictor_factors.mixed([(self._held[used.digest], used.scale) for used in key], self._sizes)
