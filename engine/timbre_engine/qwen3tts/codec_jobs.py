"""What the codec does for a stream, job by job, and which jobs come next. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_engine.backend import Reason
from timbre_engine.qwen3tts.codec import FRAMES_TOGETHER
from timbre_engine.qwen3tts.decoder import State, Stop
from timbre_engine.qwen3tts.output import Output

STREAMS_TOGETHER: Final = 2
"""Streams of one run: more take memory, and time before any of them is heard, and gain nothing."""


@dataclass(eq=False, slots=True)
class Priming:
    """Frames that a voice continues [frames, codebooks]: taken in a few at a time, between other jobs."""

    codes: NDArray[np.int32]
    state: State
    """Behind the frames taken in so far."""
    taken: int = 0
    behind: list["Job"] = field(default_factory=list)
    """Jobs that wait for it."""

    @property
    def done(self) -> bool:
        """Whether all frames are taken in; the state then stays as it is."""
        return self.taken >= len(self.codes)


@dataclass(eq=False, slots=True)
class Channel:
    """What the codec's thread keeps of a stream."""

    number: int
    state: State
    output: Output
    return_codes: bool = False
    begin: Priming | None = None
    """What takes the place of `state` before the first job."""
    frames: int = 0
    """Decoded so far, those of `continue` included."""
    begun: bool = False
    """Whether its first chunk was handed over. One that waits for a priming holds nobody up."""
    cancelled: Stop = field(default_factory=Stop)


@dataclass(frozen=True, slots=True, eq=False)
class Decode:
    """Codes [frames, codebooks] and the text that came since the job before; `last`: of their run."""

    channel: Channel
    codes: NDArray[np.int32]
    words: list[str]
    last: bool


@dataclass(frozen=True, slots=True, eq=False)
class Silence:
    """A pause between two runs."""

    channel: Channel
    seconds: float
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Prime:
    """Codes whose samples were heard elsewhere: they only set the state."""

    channel: Channel
    codes: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Finish:
    """The stream's end; `text` is what was left unspoken."""

    channel: Channel
    reason: Reason
    text: str = ""


Job = Decode | Silence | Prime | Finish


def next_jobs(waiting: Sequence[Job], streams: int = STREAMS_TOGETHER) -> tuple[list[Job], list[Job]]:
    """What to do next, and what waits on. Each stream's jobs stay in their order.

    A stream that was not heard yet goes first and alone. Else it is the oldest job's turn; where that is a short chunk,
    those of other streams with as many frames share its run, `streams` at most.
    """
    firsts: dict[int, Job] = {}
    for job in waiting:
        firsts.setdefault(job.channel.number, job)
    chunks = [job for job in firsts.values() if isinstance(job, Decode) and not job.channel.cancelled.is_set()]
    unheard = next((job for job in chunks if not job.channel.frames), None)
    jobs: list[Job] = [unheard or waiting[0]]
    lead = jobs[0]
    if unheard is None and isinstance(lead, Decode) and lead in chunks and 0 < len(lead.codes) <= FRAMES_TOGETHER:
        others = [job for job in chunks if job is not lead and len(job.codes) == len(lead.codes)]
        jobs += others[: streams - 1]
    return jobs, [job for job in waiting if all(job is not done for done in jobs)]
