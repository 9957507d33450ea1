"""Which of the codec's jobs come next, and that those done together sound as they do alone."""

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from timbre_engine.backend import Audio, Event, Finished, Reason
from timbre_engine.model import manifest
from timbre_engine.qwen3tts.codec import Codec, CodecState
from timbre_engine.qwen3tts.codec_jobs import Channel, Decode, Finish, Job, Silence, next_jobs
from timbre_engine.qwen3tts.codec_thread import CodecThread
from timbre_engine.qwen3tts.decoder import Decoder, Samples, Stop, Whose
from timbre_engine.qwen3tts.output import Output


def channel(number: int, frames: int) -> Channel:
    return Channel(number, cast(Any, None), Output(0.0, 1.0), frames=frames)


def chunk(of: Channel, frames: int) -> Decode:
    return Decode(of, np.zeros((frames, 16), np.int32), [], last=False)


NEW, A, B, C = (channel(number, 5 * bool(number)) for number in range(4))
GONE = channel(9, 3)
GONE.cancelled.set()


@pytest.mark.parametrize(
    ("waiting", "taken"),
    [
        pytest.param([chunk(A, 4), chunk(B, 4)], [0], id="long chunks one after the other"),
        pytest.param([chunk(A, 1), chunk(B, 4), chunk(C, 1)], [0, 2], id="short ones together"),
        pytest.param([chunk(A, 1), chunk(A, 1), chunk(B, 1)], [0, 2], id="one of each stream"),
        pytest.param([chunk(A, 1), Silence(B, 1.0, ""), chunk(B, 1)], [0], id="none before what its stream has first"),
        pytest.param([chunk(A, 1), chunk(GONE, 1)], [0], id="none that was cancelled"),
        pytest.param([chunk(each, 1) for each in (A, B, C)], [0, 1], id="two at most"),
        pytest.param([chunk(A, 4), chunk(B, 1), chunk(NEW, 1)], [2], id="first what was not heard yet, alone"),
        pytest.param([Finish(A, Reason.FINISHED), chunk(B, 1)], [0], id="an end"),
        pytest.param([chunk(GONE, 1), chunk(B, 1)], [0], id="a cancelled one, to be dropped"),
        pytest.param([chunk(A, 0), chunk(B, 0)], [0], id="no frames"),
    ],
)
def test_the_next_jobs(waiting: list[Job], taken: list[int]) -> None:
    jobs, rest = next_jobs(waiting)
    assert [waiting.index(job) for job in jobs] == taken
    assert rest == [job for at, job in enumerate(waiting) if at not in taken]


class Heard:
    """What a codec's thread gives, by stream."""

    def __init__(self) -> None:
        self.pcm: defaultdict[int, bytes] = defaultdict(bytes)
        self.ended: queue.Queue[int] = queue.Queue()

    def give(self, number: int, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Audio):
                self.pcm[number] += event.pcm
            elif isinstance(event, Finished):
                self.ended.put(number)


def test_none_share_a_run_where_they_are_to_be_as_alone() -> None:
    jobs, _ = next_jobs([chunk(A, 1), chunk(B, 1)], streams=1)
    assert [job.channel for job in jobs] == [A]


def test_who_needs_the_processor_waits_until_a_stream_is_heard(tiny_model: Path) -> None:
    codec = Codec(tiny_model / manifest.CODEC)
    heard = Heard()
    thread = CodecThread(codec, heard.give, lambda _: None)
    stream = thread.channel(0, None, Output(0.0, 1.0), return_codes=False)
    thread.let_first_ones_pass()
    thread.put(Decode(stream, np.zeros((1, codec.codebooks), np.int32), [], last=False))
    thread.start()
    thread.let_first_ones_pass()
    assert len(heard.pcm[0]) == 2 * codec.samples_per_frame


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for it, a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


class Held(Decoder[CodecState]):
    """A decoder whose runs end when they are told to."""

    codebooks, codebook_size, samples_per_frame, threads = 16, 2048, 1920, 1
    most_frames = 4

    def __init__(self) -> None:
        self.may_end = threading.Semaphore(0)
        self._shared = Whose.NOBODY
        self.begun = 0
        self.standing_by: queue.Queue[Stop] = queue.Queue()
        """Each that was begun; it lasts until it is over."""

    def state(self) -> CodecState:
        return CodecState([])

    def let_help(self, whose: Whose) -> None:
        self._shared = whose

    def whose(self) -> Whose:
        """What was last said to be shared."""
        return self._shared

    def stand_by(self, over: Stop) -> None:
        self.standing_by.put(over)
        eventually(over.is_set)

    def _run(self, codes: NDArray[np.int64], state: CodecState, stop: Stop) -> Samples:
        self.begun += 1
        assert self.may_end.acquire(timeout=60)
        return np.full(len(codes) * self.samples_per_frame, 0.5, np.float32)


def test_the_codec_helps_while_it_keeps_up() -> None:
    codec, heard = Held(), Heard()
    thread = CodecThread(codec, heard.give, lambda _: None)
    one, other = (thread.channel(number, None, Output(0.0, 1.0), return_codes=False) for number in range(2))
    frame = np.zeros((1, 16), np.int32)

    def put(stream: Channel) -> None:
        thread.put(Decode(stream, frame, [], last=False))

    def end_one(stream: Channel) -> None:
        before = len(heard.pcm[stream.number])
        codec.may_end.release()
        eventually(lambda: len(heard.pcm[stream.number]) > before)
        thread.let_first_ones_pass()

    thread.start()
    assert codec.whose() is Whose.LANGUAGE_MODELS
    put(one)
    assert codec.whose() is Whose.NOBODY, "a first sound is waited for"
    end_one(one)
    put(one)
    eventually(lambda: codec.begun == 2)
    assert codec.whose() is Whose.LANGUAGE_MODELS
    put(other)
    assert codec.whose() is Whose.NOBODY, "another stream's first sound is waited for"
    end_one(one)
    end_one(other)
    put(one)
    put(other)
    assert codec.whose() is Whose.LANGUAGE_MODELS, "each stream has but one chunk here"
    put(other)
    assert codec.whose() is Whose.NOBODY, "one stream has two"
    for stream in (one, other, other):
        end_one(stream)
    eventually(lambda: codec.whose() is Whose.LANGUAGE_MODELS)


class Resting(Held):
    """One whose language models have nothing to share."""

    def stand_by(self, over: Stop) -> None:
        self.standing_by.put(over)


def test_with_nothing_to_do_it_stands_by_until_there_is_a_job() -> None:
    codec, heard = Held(), Heard()
    thread = CodecThread(codec, heard.give, lambda _: None)
    stream = thread.channel(0, None, Output(0.0, 1.0), return_codes=False)
    thread.start()
    over = codec.standing_by.get(timeout=60)
    thread.put(Decode(stream, np.zeros((1, 16), np.int32), [], last=False))
    assert over.is_set()
    codec.may_end.release()
    eventually(lambda: len(heard.pcm[0]) > 0)
    codec.standing_by.get(timeout=60)


def test_asleep_it_is_called_to_help() -> None:
    codec = Resting()
    thread = CodecThread(codec, Heard().give, lambda _: None)
    thread.start()
    codec.standing_by.get(timeout=60)
    end = time.monotonic() + 60
    while codec.standing_by.empty():
        assert time.monotonic() < end
        thread.call_for_help()
        time.sleep(0.005)


def test_the_language_models_help_to_make_a_first_sound() -> None:
    codec, heard = Held(), Heard()
    thread = CodecThread(codec, heard.give, lambda _: None)
    stream = thread.channel(0, None, Output(0.0, 1.0), return_codes=False)
    frame = np.zeros((1, 16), np.int32)
    thread.start()
    codec.standing_by.get(timeout=60)
    thread.help_first_ones()
    assert codec.standing_by.empty(), "nobody waits"
    thread.put(Decode(stream, frame, [], last=False))
    helping = threading.Thread(target=thread.help_first_ones)
    helping.start()
    over = codec.standing_by.get(timeout=60)
    assert codec.whose() is Whose.CODEC and not over.is_set()
    codec.may_end.release()
    helping.join(timeout=60)
    assert not helping.is_alive() and len(heard.pcm[0]) > 0
    assert codec.whose() is Whose.LANGUAGE_MODELS
    thread.put(Decode(stream, frame, [], last=False))
    thread.help_first_ones()
    codec.may_end.release()


def test_streams_done_together_sound_as_alone(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Codec(tiny_model / manifest.CODEC)
    codes = np.random.default_rng(1).integers(0, codec.codebook_size, (3, 7, codec.codebooks)).astype(np.int32)
    heard, runs = Heard(), list[int]()
    together = codec.decode_batch

    def watched(codes: Any, states: Any) -> Any:
        runs.append(len(codes))
        return together(codes, states)

    monkeypatch.setattr(codec, "decode_batch", watched)
    failures: list[BaseException] = []
    thread = CodecThread(codec, heard.give, failures.append)
    channels = [thread.channel(number, None, Output(0.0, 1.0), return_codes=False) for number in range(3)]
    for start, end in ((0, 1), (1, 2), (2, 7)):
        for stream in channels:
            thread.put(Decode(stream, codes[stream.number, start:end], [], last=end == 7))
    for stream in channels:
        thread.put(Finish(stream, Reason.FINISHED))
    thread.start()
    for _ in channels:
        heard.ended.get(timeout=60)
    assert not failures
    assert runs == [2], "of the three second chunks, of a frame each"
    for number in range(3):
        alone = codec.decode(codes[number], codec.state())
        difference = np.frombuffer(heard.pcm[number], "<i2") - np.rint(alone * 32767)
        assert np.abs(difference).max() <= 4, "of 32767"
