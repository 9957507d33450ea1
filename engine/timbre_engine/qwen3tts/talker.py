"""The talker's lanes: a context for each adapter that speaks, over one model, and each voice's prefix kept.

A change of adapter makes a context build its graph anew (4 to 6 ms), and an adapter holds for a whole call, so each
active adapter has a context of its own. Sequences of one lane step in one call.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import EngineUnavailable
from timbre_engine.llama.context import Context, ContextSettings
from timbre_engine.llama.model import Adapter, Model

PREFIXES: Final = 64
"""Prefixes that are kept; the one unused for longest goes. About 1 MB each."""


@dataclass(frozen=True, slots=True)
class AppliedAdapter:
    """An adapter at a scale. `digest` is the file's, which tells adapters apart."""

    digest: str
    scale: float
    adapter: Adapter = field(compare=False, repr=False)


LaneKey = tuple[AppliedAdapter, ...]


@dataclass(eq=False, slots=True)
class Lane:
    """A context with one set of adapters, and which of its sequences are free."""

    key: LaneKey
    context: Context
    free: list[int]

    @property
    def idle(self) -> bool:
        """Whether no sequence is in use."""
        return len(self.free) == self.context.settings.sequences


@dataclass(eq=False, slots=True)
class TalkerSequence:
    """A place in a lane, and how many positions it holds."""

    lane: Lane
    index: int
    positions: int = 0


class Talker:
    """For one thread. Holds at most `lanes` contexts; an idle one of another adapter gives way."""

    def __init__(self, model: Model, settings: ContextSettings, lanes: int, head: slice) -> None:
        """`head`: which of the model's logits are the codec's."""
        self._model = model
        self._settings = settings
        self._most = lanes
        self._head = head
        self._lanes: list[Lane] = []
        self._prefixes: OrderedDict[Hashable, tuple[bytes, int]] = OrderedDict()

    @property
    def positions(self) -> int:
        """Positions that a sequence can hold."""
        return self._settings.positions

    def open(self, key: LaneKey) -> TalkerSequence:
        """An empty sequence under these adapters. Raises EngineUnavailable where every lane is in use."""
        lane = next((lane for lane in self._lanes if lane.key == key and lane.free), None) or self._new_lane(key)
        self._lanes.remove(lane)
        self._lanes.append(lane)
        return TalkerSequence(lane, lane.free.pop())

    def close(self, sequence: TalkerSequence) -> None:
        """Give a sequence back."""
        sequence.lane.context.forget(sequence.index)
        sequence.lane.free.append(sequence.index)

    def rewind(self, sequence: TalkerSequence) -> None:
        """Empty a sequence, to begin another run in it."""
        sequence.lane.context.forget(sequence.index)
        sequence.positions = 0

    def prefix(self, sequence: TalkerSequence, name: Hashable, vectors: NDArray[np.float32]) -> None:
        """Take in a voice's prefix [positions, hidden], from the cache where `name` was taken in before."""
        context, key = sequence.lane.context, (sequence.lane.key, name)
        kept = self._prefixes.get(key)
        if kept is None:
            context.prefill(sequence.index, 0, vectors)
            self._prefixes[key] = context.save(sequence.index), len(vectors)
            if len(self._prefixes) > PREFIXES:
                self._prefixes.popitem(last=False)
        else:
            self._prefixes.move_to_end(key)
            context.restore(sequence.index, kept[0])
        sequence.positions = len(vectors)

    def prefill(self, sequence: TalkerSequence, vectors: NDArray[np.float32]) -> None:
        """Take in further positions [n, hidden] without an answer."""
        if len(vectors):
            sequence.lane.context.prefill(sequence.index, sequence.positions, vectors)
            sequence.positions += len(vectors)

    def step(
        self, sequences: Sequence[TalkerSequence], vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """One position of each: [n, hidden] -> (hidden states [n, hidden], codec logits [n, codec vocabulary])."""
        hidden = np.empty_like(vectors)
        logits = np.empty((len(sequences), self._head.stop - self._head.start), np.float32)
        for lane in {id(sequence.lane): sequence.lane for sequence in sequences}.values():
            rows = [row for row, sequence in enumerate(sequences) if sequence.lane is lane]
            indices, positions = zip(*((sequences[row].index, sequences[row].positions) for row in rows), strict=True)
            hidden[rows], logits[rows] = lane.context.step(indices, positions, vectors[rows], self._head)
            for row in rows:
                sequences[row].positions += 1
        return hidden, logits

    def forget(self, adapter: Adapter) -> None:
        """Close the idle lanes and drop the prefixes of an adapter that goes; no sequence may be using it."""
        for lane in [lane for lane in self._lanes if any(used.adapter is adapter for used in lane.key)]:
            self._drop(lane)
        for key in [key for key in self._prefixes if any(used.adapter is adapter for used in key[0])]:  # type: ignore[index]
            del self._prefixes[key]

    def shut(self) -> None:
        """Free every context."""
        for lane in list(self._lanes):
            self._drop(lane)

    def _new_lane(self, key: LaneKey) -> Lane:
        if len(self._lanes) >= self._most:
            idle = next((lane for lane in self._lanes if lane.idle), None)
            if idle is None:
                raise EngineUnavailable("every lane speaks with another adapter", retry_after=1.0)
            self._drop(idle)
        context = Context(self._model, self._settings)
        if key:
            context.set_adapters([(used.adapter, used.scale) for used in key])
        lane = Lane(key, context, list(reversed(range(self._settings.sequences))))
        self._lanes.append(lane)
        return lane

    def _drop(self, lane: Lane) -> None:
        lane.context.close()
        self._lanes.remove(lane)
