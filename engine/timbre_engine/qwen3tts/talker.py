"""The talker: sequences in lanes, stepped together, and each voice's prefix kept."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from timbre_engine.llama.context import Context, ContextSettings
from timbre_engine.llama.model import Adapter, Model
from timbre_engine.qwen3tts.lanes import Lane, LaneKey, Lanes, TalkerSequence

PREFIXES: Final = 64
"""Prefixes that are kept; the one unused for longest goes. About 1 MB each, and more with a clip's text in it."""
_PART: Final = 4
"""Positions that a prefix is taken in by, always: another cutting rounds differently, and a seed must repeat."""


class PrefixKey(NamedTuple):
    """What tells a prefix from others under the same adapters."""

    speaker: bytes | None
    """The vector's bytes."""
    language: int | None
    instruct: tuple[int, ...]
    reference: str | None = None
    """The clip's key."""
    streaming_text: bool = True
    """Tells a clip's two layouts apart."""


class Talker:
    """For one thread."""

    def __init__(self, model: Model, settings: ContextSettings, slots: int, head: slice) -> None:
        """`settings.sequences`: of one lane; `slots`: of all. `head`: which of the model's logits are the codec's."""
        self._head = head
        self._lanes = Lanes(lambda wanted: Context(model, wanted), settings, slots)
        self._prefixes: OrderedDict[tuple[LaneKey, PrefixKey], tuple[bytes, int]] = OrderedDict()
        self.positions: Final = settings.positions
        """Positions that a sequence can hold."""

    def open(self, key: LaneKey) -> TalkerSequence:
        """An empty sequence under these adapters. Raises EngineUnavailable where every slot is in use."""
        return self._lanes.open(key)

    def close(self, sequence: TalkerSequence) -> None:
        """Give a sequence back."""
        self._lanes.close(sequence)

    def rewind(self, sequence: TalkerSequence) -> None:
        """Empty a sequence, to begin another run in it."""
        sequence.lane.context.forget(sequence.index)
        sequence.positions = 0

    def prefix(self, sequence: TalkerSequence, name: PrefixKey, vectors: NDArray[np.float32]) -> None:
        """Take in a voice's prefix [positions, hidden], from the cache where `name` was taken in before."""
        kept = self._prefixes.get((sequence.lane.key, name))
        if kept is None:
            for _ in self.take_in(sequence, name, vectors):
                pass
        else:
            self._prefixes.move_to_end((sequence.lane.key, name))
            sequence.lane.context.restore(sequence.index, kept[0])
            sequence.positions = kept[1]

    def take_in(self, sequence: TalkerSequence, name: PrefixKey, vectors: NDArray[np.float32]) -> Iterator[None]:
        """Take in and keep a prefix [positions, hidden] in an empty sequence, a few positions at each step."""
        for start in range(0, len(vectors), _PART):
            self.prefill(sequence, vectors[start : start + _PART])
            yield
        key = (sequence.lane.key, name)
        self._prefixes[key] = sequence.lane.context.save(sequence.index), sequence.positions
        if len(self._prefixes) > PREFIXES:
            self._prefixes.popitem(last=False)

    @property
    def full(self) -> bool:
        """Whether keeping one prefix more would drop another."""
        return len(self._prefixes) >= PREFIXES

    def keeps(self, key: LaneKey, name: PrefixKey) -> bool:
        """Whether a prefix was taken in and is still there."""
        return (key, name) in self._prefixes

    def prefill(self, sequence: TalkerSequence, vectors: NDArray[np.float32]) -> None:
        """Take in further positions [n, hidden] without an answer."""
        if len(vectors):
            sequence.lane.context.prefill(sequence.index, sequence.positions, vectors)
            sequence.positions += len(vectors)

    def step(
        self, sequences: Sequence[TalkerSequence], vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """One position of each of a lane's: [n, hidden] -> (hidden states [n, hidden], codec logits [n, vocabulary]).

        Raises EngineUnavailable; the lane is then good for nothing.
        """
        indices, positions = zip(*((each.index, each.positions) for each in sequences), strict=True)
        answer = sequences[0].lane.context.step(indices, positions, vectors, self._head)
        for sequence in sequences:
            sequence.positions += 1
        return answer

    def drop(self, lane: Lane) -> None:
        """Free a lane that broke and nothing uses any more, and what was kept of it."""
        self._lanes.drop(lane)
        for key in [key for key in self._prefixes if key[0] == lane.key]:
            del self._prefixes[key]

    def release(self, adapter: Adapter) -> None:
        """Free the lanes of an adapter that leaves memory; no sequence may be using it."""
        for lane in [lane for lane in self._lanes if any(used.adapter is adapter for used in lane.key)]:
            self._lanes.drop(lane)

    def forget(self, digest: str) -> None:
        """Drop the prefixes of an adapter's file that no voice names any more."""
        for key in [key for key in self._prefixes if any(used.digest == digest for used in key[0])]:
            del self._prefixes[key]

    def forget_reference(self, clip: str) -> None:
        """Drop the prefixes of a clip that no voice has any more; `clip` is its key."""
        for key in [key for key in self._prefixes if key[1].reference == clip]:
            del self._prefixes[key]

    def shut(self) -> None:
        """Free every context."""
        for lane in list(self._lanes):
            self._lanes.drop(lane)
