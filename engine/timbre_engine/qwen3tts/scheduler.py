"""Makes frames for every stream at once: talker by adapter, predictor for all, the codec beside them.

A tick makes one frame of each stream whose text is there. Streams join and leave between ticks.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.audio import SAMPLE_RATE
from timbre_common.errors import EngineUnavailable
from timbre_engine.backend import Reason
from timbre_engine.model.manifest import Manifest
from timbre_engine.qwen3tts.adapted_predictor import AdaptedPredictor
from timbre_engine.qwen3tts.codec_jobs import Channel, Decode, Finish, Job, Prime, Silence
from timbre_engine.qwen3tts.embeddings import Embeddings
from timbre_engine.qwen3tts.lanes import Lane
from timbre_engine.qwen3tts.sampling import Draw, sample
from timbre_engine.qwen3tts.stream import MIN_TOKENS, Stream
from timbre_engine.qwen3tts.talker import Talker

_log = logging.getLogger(__name__)

CHUNKS: Final = (*[1] * 20, *[2] * 14, *[3] * 8, 4)
"""Frames of a stream's codec calls, the last for all further ones: the first leaves early, later ones cost less. They
grow no faster than a stream that is little ahead of its playback can wait for them."""


@dataclass(eq=False, slots=True)
class Speaker:
    """A stream under way, and its frames that wait for the codec."""

    stream: Stream
    channel: Channel
    waiting: list[NDArray[np.int32]] = field(default_factory=list)
    chunks: int = 0


class Scheduler:
    """For one thread, the codec's thread beside it."""

    def __init__(
        self,
        manifest: Manifest,
        talker: Talker,
        predictor: AdaptedPredictor,
        put: Callable[[Job], None],
        table: Embeddings,
        tokenize: Callable[[str], list[int]],
        left: Callable[[Stream], None],
        failed: Callable[[Stream, EngineUnavailable], None],
        before_predicting: Callable[[], None] = lambda: None,
    ) -> None:
        """`put` takes the codec's jobs; `left` is told of a stream that has gone, its sequence given back.

        `failed` is told before it of one that could not go on. `before_predicting` may wait for what goes first,
        or call for help.
        """
        self._manifest = manifest
        self._talker = talker
        self._predictor = predictor
        self._put = put
        self._table = table
        self._tokenize = tokenize
        self._left = left
        self._failed = failed
        self._before_predicting = before_predicting
        self._broken = False
        """Whether a lane broke since a frame was last made."""
        self._speakers: dict[int, Speaker] = {}
        ids = manifest.codec_ids
        self._allowed = np.zeros(ids.vocabulary, bool)
        self._allowed[: ids.codes] = True
        self._first_allowed = self._allowed.copy()
        self._allowed[ids.eos] = True

    def join(self, stream: Stream, channel: Channel) -> None:
        """A stream begins; its sequence is the talker's."""
        self._speakers[stream.number] = Speaker(stream, channel)
        for run in stream.spec.given:
            self._put(Prime(channel, run.codes))

    def stream(self, number: int) -> Stream | None:
        """A stream under way."""
        speaker = self._speakers.get(number)
        return None if speaker is None else speaker.stream

    def tick(self) -> bool:
        """One frame of each stream that can make one. Whether there was anything to do."""
        worked = False
        for number in list(self._speakers):
            speaker = self._speakers.get(number)
            worked |= speaker is not None and self._settle(speaker)
        ready = [speaker for speaker in self._speakers.values() if speaker.stream.can_step and not speaker.stream.waits]
        if ready:
            self._step(ready)
        return worked or bool(ready)

    @property
    def idle(self) -> bool:
        """Whether no stream is under way."""
        return not self._speakers

    @property
    def holds_back(self) -> bool:
        """Whether frames wait for a fuller chunk."""
        return any(speaker.waiting for speaker in self._speakers.values())

    def hand_over_what_waits(self) -> None:
        """Nothing could be made: frames that wait for a fuller chunk are spoken now."""
        for speaker in self._speakers.values():
            if speaker.waiting:
                self._hand_over(speaker, last=False)

    def _settle(self, speaker: Speaker) -> bool:
        """Everything of a stream that is no frame: its cancel, its pauses, a run's beginning, its end."""
        stream = speaker.stream
        if stream.cancelled:
            speaker.channel.cancelled.set()
            self._leave(speaker, Finish(speaker.channel, Reason.CANCELLED))
            return True
        pause = None if stream.waits else stream.pause()
        if pause is not None:
            stream.samples_ahead += pause.seconds * SAMPLE_RATE
            self._put(Silence(speaker.channel, pause.seconds, pause.text))
            return True
        stream.take_text(self._tokenize)
        if stream.skip_given():
            return True
        if stream.can_begin:
            try:
                stream.begin(self._talker, self._table, self._manifest)
            except EngineUnavailable as error:
                self._break(stream.sequence.lane, error)
            return True
        if stream.exhausted:
            self._leave(speaker, Finish(speaker.channel, Reason.FINISHED, stream.leftover))
            return True
        return False

    def _step(self, speakers: list[Speaker]) -> None:
        lanes: dict[Lane, list[Speaker]] = {}
        for speaker in speakers:
            lanes.setdefault(speaker.stream.sequence.lane, []).append(speaker)
        stepped: list[Speaker] = []
        answers = []
        for lane, members in lanes.items():
            vectors = np.stack([speaker.stream.next_input(self._table) for speaker in members])
            try:
                answers.append(self._talker.step([speaker.stream.sequence for speaker in members], vectors))
            except EngineUnavailable as error:
                self._break(lane, error)
            else:
                stepped += members
                self._broken = False
        if stepped:
            hidden, logits = (np.concatenate(parts) for parts in zip(*answers, strict=True))
            self._frame(stepped, hidden, logits)

    def _frame(self, speakers: list[Speaker], hidden: NDArray[np.float32], logits: NDArray[np.float32]) -> None:
        """A frame of each, or its run's end: hidden states [n, hidden], codec logits [n, codec vocabulary]."""
        streams = [speaker.stream for speaker in speakers]
        going, codes = [], []
        for row, stream in enumerate(streams):
            code = self._code(stream, logits[row])
            if code == self._manifest.codec_ids.eos or stream.over(self._talker.positions):
                self._end_run(speakers[row])
            else:
                going.append(row)
                codes.append(code)
        if going:
            first = self._table.codec(codes)
            self._before_predicting()
            draws = [Draw(streams[row].spec.predictor_sampling, streams[row].random) for row in going]
            keys = [streams[row].spec.adapters for row in going]
            rest, rest_sum = self._predictor.predict(hidden[going], first, draws, keys)
            for at, row in enumerate(going):
                streams[row].advance(codes[at], first[at] + rest_sum[at])
                self._made(speakers[row], np.concatenate([[codes[at]], rest[at]]).astype(np.int32))

    def _code(self, stream: Stream, logits: NDArray[np.float32]) -> int:
        assert stream.run is not None
        history = stream.run.history
        allowed = self._allowed if len(history) >= MIN_TOKENS else self._first_allowed
        settings = stream.spec.sampling
        uniform = stream.random.random() if settings.temperature else 0.0
        return sample(logits, settings, history=history, allowed=allowed, uniform=uniform)

    def _made(self, speaker: Speaker, frame: NDArray[np.int32]) -> None:
        speaker.waiting.append(frame)
        if len(speaker.waiting) >= CHUNKS[min(speaker.chunks, len(CHUNKS) - 1)]:
            self._hand_over(speaker, last=False)

    def _end_run(self, speaker: Speaker) -> None:
        self._hand_over(speaker, last=True)
        speaker.stream.run = None

    def _hand_over(self, speaker: Speaker, *, last: bool) -> None:
        stream = speaker.stream
        codes = np.array(speaker.waiting, np.int32).reshape(-1, self._manifest.codec.codebooks)
        words, speaker.waiting = stream.words(last=last), []
        speaker.chunks += 1
        stream.made(len(codes) * self._manifest.codec.samples_per_frame)
        self._put(Decode(speaker.channel, codes, words, last))

    def _leave(self, speaker: Speaker, finish: Finish) -> None:
        del self._speakers[speaker.stream.number]
        self._talker.close(speaker.stream.sequence)
        self._put(finish)
        self._left(speaker.stream)

    def _break(self, lane: Lane, error: EngineUnavailable) -> None:
        """What speaks in a lane fails; whoever comes next finds a new one.

        Raises the error where a lane broke before and nothing was made since: then it is not the lane.
        """
        if self._broken:
            raise error
        self._broken = True
        _log.error("%s: what speaks with the same adapter fails", error)
        gone = [speaker for speaker in self._speakers.values() if speaker.stream.sequence.lane is lane]
        for speaker in gone:
            del self._speakers[speaker.stream.number]
            speaker.channel.cancelled.set()
            self._talker.close(speaker.stream.sequence)
        self._talker.drop(lane)
        for speaker in gone:
            self._failed(speaker.stream, error)
            self._left(speaker.stream)
