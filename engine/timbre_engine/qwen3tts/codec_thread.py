"""The codec's thread: turns frames into samples beside the language models, stream by stream in order."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_engine.backend import CodesMade, Event, Finished, Reason
from timbre_engine.qwen3tts.codec import Codec, CodecState
from timbre_engine.qwen3tts.output import Output

_JOBS: Final = 256
"""Jobs that wait, at most; then the language models wait. Each stream has a few under way, so this is never reached."""


@dataclass(eq=False, slots=True)
class Channel:
    """What the codec's thread keeps of a stream."""

    number: int
    state: CodecState
    output: Output
    return_codes: bool = False
    frames: int = 0
    """Decoded so far, those of `continue` included."""
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Decode:
    """Codes [frames, codebooks] and the text that came since the job before; `last`: of their run."""

    channel: Channel
    codes: NDArray[np.int32]
    words: list[str]
    last: bool


@dataclass(frozen=True, slots=True)
class Silence:
    """A pause between two runs."""

    channel: Channel
    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class Prime:
    """Codes whose samples were heard elsewhere: they only set the state."""

    channel: Channel
    codes: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Finish:
    """The stream's end; `text` is what was left unspoken."""

    channel: Channel
    reason: Reason
    text: str = ""


Job = Decode | Silence | Prime | Finish


class CodecThread:
    """`give` gets each stream's events in order, from this thread, and a cancelled one's end from the caller's.

    An exception goes to `failed`.
    """

    def __init__(
        self, codec: Codec, give: Callable[[int, list[Event]], None], failed: Callable[[BaseException], None]
    ) -> None:
        self._codec = codec
        self._give = give
        self._failed = failed
        self._jobs: queue.Queue[Job] = queue.Queue(_JOBS)
        self._thread = threading.Thread(target=self._run, name="codec", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def put(self, job: Job) -> None:
        """Hand over a job; waits while the queue is full.

        A cancelled stream's end is told at once and not behind the chunk in hand, so that its slot is free by then.
        """
        if isinstance(job, Finish) and job.reason is Reason.CANCELLED:
            self._give(job.channel.number, [Finished(job.channel.output.samples, job.reason)])
        else:
            self._jobs.put(job)

    def channel(self, number: int, state: CodecState | None, output: Output, *, return_codes: bool) -> Channel:
        """A stream's place here; `state` goes on from a primed one."""
        return Channel(number, state or self._codec.state(), output, return_codes)

    def _run(self) -> None:
        try:
            while True:
                job = self._jobs.get()
                events = self._work(job)
                if events:
                    self._give(job.channel.number, events)
        except BaseException as error:
            self._failed(error)

    def _work(self, job: Job) -> list[Event]:
        channel = job.channel
        match job:
            case Finish(text=text):
                output = channel.output
                rest = output.rest(text)
                return [*rest, Finished(output.samples, Reason.FINISHED if output.samples else Reason.EMPTY)]
            case _ if channel.cancelled.is_set():
                return []
            case Prime(codes=codes):
                if len(codes):
                    self._codec.decode(codes, channel.state)
                channel.frames += len(codes)
                return []
            case Silence(seconds=seconds, text=text):
                return channel.output.pause(seconds, text)
            case Decode(codes=codes, words=words, last=last):
                return self._decode(channel, codes, words, last)

    def _decode(self, channel: Channel, codes: NDArray[np.int32], words: list[str], last: bool) -> list[Event]:
        pcm = self._codec.decode(codes, channel.state) if len(codes) else np.empty(0, np.float32)
        if channel.cancelled.is_set():
            return []
        events = channel.output.chunk(pcm, words, last=last)
        if channel.return_codes and (len(codes) or last):
            events.append(CodesMade(channel.frames, codes.tolist() + [[]] * last))
        channel.frames += len(codes)
        return events
