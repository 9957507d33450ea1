"""What the ways to compute the codec's decoder have in common: the codes they take, and frame by frame of a stream."""

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput

CODES: Final = "codes"

Codes = NDArray[np.integer[Any]]
Samples = NDArray[np.float32]


class Stop:
    """Asks calls to end early, from another thread: their samples, and the state, are then good for nothing."""

    def __init__(self) -> None:
        self.flag: Final = ctypes.c_int32(0)

    def set(self) -> None:
        """From now on, for good."""
        self.flag.value = 1

    def is_set(self) -> bool:
        """Whether it was asked."""
        return bool(self.flag.value)


class Whose(IntEnum):
    """Whose products are offered to the other thread, which takes pieces of them."""

    NOBODY = 0
    LANGUAGE_MODELS = 1
    CODEC = 2


class State(Protocol):
    """What a decoder looks back on: one of it a stream, used by one call at a time."""

    def copy(self) -> Any:
        """A state that goes its own way from here."""


StateT = TypeVar("StateT", bound=State)


class Decoder(ABC, Generic[StateT]):
    """A loaded decoder. Calls may come from any thread, several at once, as long as each state is in one of them."""

    codebooks: int
    codebook_size: int
    samples_per_frame: int
    threads: int
    """That compute a call."""
    most_frames: int
    """In one run: more are no faster, and memory grows with them. Any cutting gives the same samples."""
    shares_runs = False
    """Whether several streams' frames are computed in one run."""

    @abstractmethod
    def state(self) -> StateT:
        """The state of a stream that begins."""

    def let_help(self, whose: Whose) -> None:
        """Whose work is shared from now on: by calls the language models', by `stand_by` either's."""

    def stand_by(self, over: Stop) -> None:
        """Help the other thread with what it offers, until told that it is over or nothing was offered for a while."""

    def check(self, codes: Codes, field: str = CODES) -> NDArray[np.int64]:
        """Codes [frames, codebooks], as the decoder takes them. Raises InvalidInput that names the code."""
        array = np.asarray(codes)
        if array.ndim != 2 or array.shape[1] != self.codebooks or array.dtype.kind not in "iu":
            raise InvalidInput(f"whole numbers [frames, {self.codebooks}] are right", field)
        wrong = np.argwhere((array < 0) | (array >= self.codebook_size))
        if len(wrong):
            frame, book = wrong[0]
            raise InvalidInput(
                f"{array[frame, book]} is no code; 0 to {self.codebook_size - 1} are", f"{field}[{frame}][{book}]"
            )
        return array.astype(np.int64, order="C")

    def decode(self, codes: Codes, state: StateT, stop: Stop | None = None) -> Samples:
        """Codes [frames, codebooks] -> samples [frames * samples_per_frame] within [-1, 1]; moves the state on.

        Raises InvalidInput that names the code; the state is then as it was.
        """
        return self._decode(self.check(codes), state, stop or Stop())

    def decode_batch(self, codes: Sequence[Codes], states: Sequence[StateT]) -> list[Samples]:
        """`decode` for several streams with equally many frames; in one run where that is faster, a state once each.

        Raises InvalidInput that names the stream and the code; the states are then as they were.
        """
        if len(codes) != len(states) or len({len(each) for each in codes}) > 1:
            raise InvalidInput("as many states as codes, and equally many frames each, are right", CODES)
        return self._decode_batch([self.check(each, f"{CODES}[{number}]") for number, each in enumerate(codes)], states)

    @abstractmethod
    def _run(self, codes: NDArray[np.int64], state: StateT, stop: Stop) -> Samples:
        """Samples of 1 to `most_frames` checked frames; moves the state on."""

    def _decode(self, codes: NDArray[np.int64], state: StateT, stop: Stop) -> Samples:
        pieces = [np.zeros(0, np.float32)]
        for start in range(0, len(codes), self.most_frames):
            if stop.is_set():
                break
            pieces.append(self._run(codes[start : start + self.most_frames], state, stop))
        return np.concatenate(pieces)

    def _decode_batch(self, codes: Sequence[NDArray[np.int64]], states: Sequence[StateT]) -> list[Samples]:
        return [self._decode(each, state, Stop()) for each, state in zip(codes, states, strict=True)]


AnyDecoder = Decoder[Any]
"""Whichever way it computes: its states are for it alone."""
