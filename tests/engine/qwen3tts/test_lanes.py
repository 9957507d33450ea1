"""Lanes grow, shrink and go, so that together they never hold room for more than the slots."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timbre_common.errors import EngineUnavailable
from timbre_engine.llama.context import ContextSettings
from timbre_engine.qwen3tts.lanes import AppliedAdapter, Lanes, TalkerSequence

SLOTS = 4
A, B, C, D = ((AppliedAdapter(name, 1.0, cast(Any, None)),) for name in "abcd")


@dataclass
class FakeContext:
    """Remembers by sequence what was put in."""

    settings: ContextSettings
    adapters: Any = ()
    held: dict[int, bytes] = field(default_factory=dict)
    open: bool = True

    def set_adapters(self, adapters: Any) -> None:
        self.adapters = adapters

    def save(self, sequence: int) -> bytes:
        return self.held[sequence]

    def restore(self, sequence: int, state: bytes) -> None:
        assert sequence < self.settings.sequences and sequence not in self.held
        self.held[sequence] = state

    def forget(self, sequence: int) -> None:
        self.held.pop(sequence, None)

    def close(self) -> None:
        assert self.open
        self.open = False


class House:
    """Lanes over fake contexts, and a note in each sequence that says whose it is."""

    def __init__(self) -> None:
        self.made: list[FakeContext] = []
        self.lanes = Lanes(self.make, ContextSettings(sequences=2, positions=8, threads=1), SLOTS)
        self.notes = 0

    def make(self, settings: ContextSettings) -> Any:
        self.made.append(FakeContext(settings))
        return self.made[-1]

    def open(self, key: Any) -> tuple[TalkerSequence, bytes]:
        sequence = self.lanes.open(key)
        self.notes += 1
        note = str(self.notes).encode()
        context(sequence).restore(sequence.index, note)
        sequence.positions = 1
        return sequence, note

    @property
    def sizes(self) -> list[int]:
        return [lane.size for lane in self.lanes]


def context(sequence: TalkerSequence) -> FakeContext:
    return cast(FakeContext, sequence.lane.context)


def test_a_lane_grows_to_its_most_and_then_a_second_one_begins() -> None:
    house = House()
    opened = [house.open(A) for _ in range(3)]
    assert house.sizes == [2, 1]
    assert [sequence.lane for sequence, _ in opened[:2]] == [opened[0][0].lane] * 2
    assert [context(sequence).held[sequence.index] for sequence, _ in opened] == [note for _, note in opened]


def test_idle_lanes_are_kept_until_their_room_is_needed() -> None:
    house = House()
    for key in (A, B, C, D):
        house.lanes.close(house.open(key)[0])
    assert house.sizes == [1, 1, 1, 1]
    kept = house.made[-1]
    again, _ = house.open(D)
    assert context(again) is kept, "the context of the voice that spoke last is used again"
    house.open(D)
    assert [lane.key for lane in house.lanes] == [B, C, D] and house.sizes == [1, 1, 2]


def test_what_a_lane_in_use_has_to_spare_goes_where_nothing_is_idle() -> None:
    house = House()
    first, second, third = house.open(A), house.open(A), house.open(B)
    house.open(B)
    house.lanes.close(first[0])
    house.open(C)
    assert house.sizes == [1, 2, 1]
    assert second[0].index == 0 and context(second[0]).held == {0: second[1]}
    assert context(third[0]).held[third[0].index] == third[1]


def test_no_more_than_the_slots() -> None:
    house = House()
    for _ in range(SLOTS):
        house.open(A)
    with pytest.raises(EngineUnavailable):
        house.open(B)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([A, B, C, D, ()]), st.integers(0, 5)), max_size=40))
def test_every_sequence_keeps_what_it_holds(steps: list[tuple[Any, int]]) -> None:
    house = House()
    speaking: list[tuple[TalkerSequence, bytes]] = []
    for key, number in steps:
        if number < len(speaking):
            house.lanes.close(speaking.pop(number)[0])
        if len(speaking) < SLOTS:
            speaking.append(house.open(key))
        assert sum(house.sizes) <= SLOTS
        for sequence, note in speaking:
            assert context(sequence).held[sequence.index] == note
            assert len(context(sequence).adapters) == len(sequence.lane.key)
        assert sum(made.open for made in house.made) == len(house.sizes), "a context is closed when its lane goes"
