"""The talker's lanes: a context for each set of adapters that speaks, over one model, as large as its utterances need.

A change of adapter makes a context build its graph anew (4 to 6 ms), and an adapter holds for a whole call, so each
set of adapters that speaks has a context of its own. A lane begins with room for one sequence and grows, so that
memory goes by the utterances there are and not by what the lanes could hold.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from timbre_common.errors import EngineUnavailable
from timbre_engine.llama.context import Context, ContextSettings
from timbre_engine.llama.model import Adapter


@dataclass(frozen=True, slots=True)
class AppliedAdapter:
    """An adapter at a scale. `digest` is the file's, which tells adapters apart."""

    digest: str
    scale: float
    adapter: Adapter = field(compare=False, repr=False)


LaneKey = tuple[AppliedAdapter, ...]


@dataclass(eq=False, slots=True)
class Lane:
    """A context with one set of adapters, and the sequences of it that are in use."""

    key: LaneKey
    context: Context
    used: list["TalkerSequence"] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Sequences that it has room for."""
        return self.context.settings.sequences

    @property
    def free(self) -> int:
        """Sequences that could begin in it."""
        return self.size - len(self.used)


@dataclass(eq=False, slots=True)
class TalkerSequence:
    """A place in a lane, and how many positions it holds."""

    lane: Lane
    index: int
    positions: int = 0


class Lanes:
    """For one thread. Together they have room for as many sequences as may be in use, whatever their adapters."""

    def __init__(self, make: Callable[[ContextSettings], Context], settings: ContextSettings, most: int) -> None:
        """`settings.sequences`: of one lane, at most. `most`: sequences in use at once."""
        self._make = make
        self._settings = settings
        self._most: Final = most
        self._lanes: list[Lane] = []
        """The one unused for longest first."""

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes)

    def open(self, key: LaneKey) -> TalkerSequence:
        """An empty sequence under these adapters. Raises EngineUnavailable where as many as may be are in use."""
        if sum(len(lane.used) for lane in self._lanes) >= self._most:
            raise EngineUnavailable("every slot speaks", retry_after=1.0)
        lane = self._with_room(key)
        self._lanes.remove(lane)
        self._lanes.append(lane)
        taken = {sequence.index for sequence in lane.used}
        sequence = TalkerSequence(lane, next(index for index in range(lane.size) if index not in taken))
        lane.used.append(sequence)
        return sequence

    def close(self, sequence: TalkerSequence) -> None:
        """Give a sequence back, emptied."""
        sequence.lane.context.forget(sequence.index)
        sequence.lane.used.remove(sequence)

    def drop(self, lane: Lane) -> None:
        """Free a lane that nothing uses."""
        lane.context.close()
        self._lanes.remove(lane)

    def _with_room(self, key: LaneKey) -> Lane:
        mine = [lane for lane in self._lanes if lane.key == key]
        roomy = next((lane for lane in mine if lane.free), None)
        if roomy is not None:
            return roomy
        self._make_room()
        small = next((lane for lane in mine if lane.size < self._settings.sequences), None)
        if small is not None:
            self._resize(small, small.size + 1)
            return small
        lane = Lane(key, self._context(key, 1))
        self._lanes.append(lane)
        return lane

    def _make_room(self) -> None:
        """For one sequence more: idle lanes go first, then what lanes in use have to spare."""
        while sum(lane.size for lane in self._lanes) >= self._most:
            idle = next((lane for lane in self._lanes if not lane.used), None)
            if idle is not None:
                self.drop(idle)
            else:
                spare = next(lane for lane in self._lanes if lane.free)
                self._resize(spare, len(spare.used))

    def _resize(self, lane: Lane, sequences: int) -> None:
        """Into a new context, the sequences in use with it."""
        context = self._context(lane.key, sequences)
        try:
            for index, sequence in enumerate(lane.used):
                if sequence.positions:
                    context.restore(index, lane.context.save(sequence.index))
        except EngineUnavailable:  # the lane is as it was
            context.close()
            raise
        for index, sequence in enumerate(lane.used):
            sequence.index = index
        lane.context.close()
        lane.context = context

    def _context(self, key: LaneKey, sequences: int) -> Context:
        context = self._make(replace(self._settings, sequences=sequences))
        if key:
            context.set_adapters([(used.adapter, used.scale) for used in key])
        return context
