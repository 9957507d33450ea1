"""The codec's thread: turns frames into samples beside the language models, stream by stream in order."""

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_engine.backend import CodesMade, Event, Finished, Reason
from timbre_engine.qwen3tts.codec_jobs import (
    STREAMS_TOGETHER,
    Channel,
    Decode,
    Finish,
    Job,
    Prime,
    Priming,
    Silence,
    next_jobs,
)
from timbre_engine.qwen3tts.decoder import AnyDecoder, Stop, Whose
from timbre_engine.qwen3tts.output import Output

_JOBS: Final = 256
"""Jobs that wait, at most; then the language models wait. Each stream has a few under way, so this is never reached."""
_LOOK_AHEAD: Final = 16
"""Jobs among which the most urgent, and those that can be done together, are looked for."""
_TAKEN_AT_ONCE: Final = 2
"""Frames of a priming for which other streams wait."""
_LATE: Final = 2
"""Chunks of a stream under way from which on the codec is behind the language models."""
_PATIENCE_S: Final = 1.0
"""Seconds for which the language models wait for a stream's first samples, at most."""


class CodecThread:
    """`give` gets each stream's events in order, from this thread, and a cancelled one's end from the caller's.

    An exception goes to `failed`.
    """

    def __init__(
        self,
        codec: AnyDecoder,
        give: Callable[[int, list[Event]], None],
        failed: Callable[[BaseException], None],
        *,
        together: bool = True,
    ) -> None:
        """`together`: whether streams may share a run, where samples are rounded otherwise than alone."""
        self._codec = codec
        self._streams = STREAMS_TOGETHER if together and codec.shares_runs else 1
        self._give = give
        self._failed = failed
        self._jobs: queue.Queue[Job | Priming | None] = queue.Queue(_JOBS)
        """None: no job, but help is wanted."""
        self._rests = False
        """Whether the thread sleeps until a job comes."""
        self._over = Stop()
        """Set when there is a job again for a thread that stands by."""
        self._heard_first: Stop | None = None
        """Set when no stream is unheard any more, for language models that stand by until then."""
        self._primings: deque[Priming] = deque()
        self._unheard: set[int] = set()
        """Streams whose first chunk is on its way."""
        self._heard = threading.Condition()
        self._under_way: Counter[int] = Counter()
        """Chunks of each stream that are here and not yet heard."""
        self._thread = threading.Thread(target=self._run, name="codec", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        with self._heard:
            self._let_help()
        self._thread.start()

    def put(self, job: Job | Priming) -> None:
        """Hand over a job; waits while the queue is full.

        A cancelled stream's end is told at once and not behind the chunk in hand, so that its slot is free by then.
        """
        if isinstance(job, Finish) and job.reason is Reason.CANCELLED:
            self._give(job.channel.number, [Finished(job.channel.output.samples, job.reason)])
            return
        if isinstance(job, Decode) and not job.channel.begun and job.channel.begin is None:
            job.channel.begun = True
            with self._heard:
                self._unheard.add(job.channel.number)
        if isinstance(job, Decode):
            with self._heard:
                self._under_way[job.channel.number] += 1
                self._let_help()
        self._jobs.put(job)
        self._over.set()

    def call_for_help(self) -> None:
        """The language models are about to compute: where this thread has nothing to do, it helps them."""
        if self._rests:
            self._jobs.put(None)

    def help_first_ones(self) -> None:
        """The language models stand by while a stream waits for its first sound, and help to make it."""
        with self._heard:
            if not self._unheard:
                return
            over = self._heard_first = Stop()
            self._let_help()
        self._codec.stand_by(over)

    def let_first_ones_pass(self) -> None:
        """Wait until every stream that has a first chunk here is heard, for language models that need its processor."""
        with self._heard:
            self._heard.wait_for(lambda: not self._unheard, _PATIENCE_S)

    def channel(self, number: int, begin: Priming | None, output: Output, *, return_codes: bool) -> Channel:
        """A stream's place here; it goes on from what `begin` has taken in."""
        return Channel(number, self._codec.state(), output, return_codes, begin)

    def _run(self) -> None:
        waiting: list[Job] = []
        try:
            while True:
                while not (waiting or self._primings):
                    waiting += self._rest()
                while len(waiting) < _LOOK_AHEAD and not self._jobs.empty():
                    waiting += self._arrived(self._jobs.get())
                jobs, waiting = next_jobs(waiting, self._streams) if waiting else ([], [])
                for job, pcm in zip(jobs, self._samples(jobs), strict=True):
                    events = self._events(job, pcm)
                    if events:
                        self._give(job.channel.number, events)
                    if isinstance(job, Decode):
                        self._pass(job.channel)
                if self._primings:
                    waiting += self._prime(self._primings[0])
        except BaseException as error:
            self._failed(error)

    def _rest(self) -> list[Job]:
        """Stand by the language models, and sleep once they rest too, until something is put; what came of it."""
        over = self._over = Stop()
        if self._jobs.empty():
            self._codec.stand_by(over)
        self._rests = True
        job = self._jobs.get()
        self._rests = False
        return self._arrived(job)

    def _pass(self, channel: Channel) -> None:
        with self._heard:
            self._unheard.discard(channel.number)
            self._under_way[channel.number] -= 1
            self._under_way += Counter()  # forgets those that have none
            if self._heard_first is not None and not self._unheard:
                self._heard_first.set()
                self._heard_first = None
            self._let_help()
            self._heard.notify_all()

    def _let_help(self) -> None:
        """The codec has time to give away while nobody waits for a first sound, and no stream for two chunks."""
        spare = not self._unheard and max(self._under_way.values(), default=0) < _LATE
        helped = Whose.CODEC if self._heard_first is not None else Whose.NOBODY
        self._codec.let_help(Whose.LANGUAGE_MODELS if spare else helped)

    def _arrived(self, job: Job | Priming | None) -> list[Job]:
        """The job, unless it has to wait for its voice's priming."""
        if job is None:
            return []
        if isinstance(job, Priming):
            self._primings.append(job)
            return []
        channel, begin = job.channel, job.channel.begin
        if begin is None:
            return [job]
        if not begin.done:
            begin.behind.append(job)
            return []
        channel.state, channel.begin = begin.state.copy(), None
        return [job]

    def _prime(self, priming: Priming) -> list[Job]:
        """Take in a few frames; once they are all there, the jobs that waited for it."""
        codes = priming.codes[priming.taken : priming.taken + _TAKEN_AT_ONCE]
        self._codec.decode(codes, priming.state)
        priming.taken += len(codes)
        if not priming.done:
            return []
        self._primings.popleft()
        behind, priming.behind = priming.behind, []
        return [job for each in behind for job in self._arrived(each)]

    def _samples(self, jobs: list[Job]) -> list[NDArray[np.float32]]:
        """Of each, what its codes become; several are Decode, of as many frames each."""
        if len(jobs) != 1:
            return self._codec.decode_batch(
                [job.codes for job in jobs if isinstance(job, Decode)], [job.channel.state for job in jobs]
            )
        job = jobs[0]
        if isinstance(job, Decode | Prime) and len(job.codes) and not job.channel.cancelled.is_set():
            return [self._codec.decode(job.codes, job.channel.state, job.channel.cancelled)]
        return [np.empty(0, np.float32)]

    def _events(self, job: Job, pcm: NDArray[np.float32]) -> list[Event]:
        channel, output = job.channel, job.channel.output
        match job:
            case Finish(text=text):
                rest = output.rest(text)
                return [*rest, Finished(output.samples, Reason.FINISHED if output.samples else Reason.EMPTY)]
            case _ if channel.cancelled.is_set():
                return []
            case Prime(codes=codes):
                channel.frames += len(codes)
                return []
            case Silence(seconds=seconds, text=text):
                return output.pause(seconds, text)
            case Decode(codes=codes, words=words, last=last):
                events = output.chunk(pcm, words, last=last)
                if channel.return_codes and (len(codes) or last):
                    events.append(CodesMade(channel.frames, codes.tolist() + [[]] * last))
                channel.frames += len(codes)
                return events
