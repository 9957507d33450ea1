"""The process that computes: messages on standard input and output, a thread each for language models and codec.

Run as `python -m timbre_engine.qwen3tts.worker OPTIONS` (JSON). It ends when its standard input does, so it never
outlives its parent.
"""

import logging
import math
import os
import queue
import signal
import sys
import threading
import time
from typing import BinaryIO, Final

from timbre_common import logs
from timbre_common.errors import DigestMismatch, EngineUnavailable, TimbreError, TooLarge
from timbre_engine import cpus, pipe
from timbre_engine.backend import Audio, CodesMade, Event, Finished, Mark
from timbre_engine.qwen3tts import memory, messages, specs, voice_check
from timbre_engine.qwen3tts.codec_thread import CodecThread
from timbre_engine.qwen3tts.lanes import LaneKey
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.messages import (
    Begin,
    Cancel,
    End,
    Ended,
    Failed,
    Feed,
    Flush,
    FromWorker,
    Hello,
    Load,
    MadeCodes,
    Marked,
    OtherModel,
    Pcm,
    Resident,
    Taken,
    ToWorker,
    Unload,
)
from timbre_engine.qwen3tts.options import Options, decode
from timbre_engine.qwen3tts.output import Output
from timbre_engine.qwen3tts.scheduler import Scheduler
from timbre_engine.qwen3tts.stream import Stream
from timbre_engine.qwen3tts.voice_loading import Checked, VoiceLoading
from timbre_engine.qwen3tts.warming import Warming

_PATIENCE_S: Final = 1.0
"""Seconds without work after which frames that wait for a fuller chunk are spoken."""
_REST_S: Final = 2.0
"""Seconds without a stream after which memory is given back."""
_SETTLED_S: Final = 1.0
"""Seconds after a stream's beginning after which what making its lane left behind is given back."""


class Worker:
    """Does what arrives, between ticks. The inbox is bounded by the text that the engine lets each utterance have."""

    def __init__(self, options: Options, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._sending = threading.Lock()
        self._inbox: queue.SimpleQueue[ToWorker | Checked] = queue.SimpleQueue()
        machine = self._machine = Machine(options)
        machine.warm()
        self._codec = CodecThread(machine.codec, self._give, _die, together=not options.exact)
        self._scheduler = Scheduler(
            machine.manifest,
            machine.talker,
            machine.predictor,
            self._codec.put,
            machine.table,
            machine.model.tokenize,
            self._left,
            self._failed,
            self._codec.let_first_ones_pass if _share_processors(machine) else self._codec.call_for_help,
        )
        self._warming = Warming(machine)
        self._voices = VoiceLoading(machine, self._warming, self._codec.put, self._send, self._inbox.put)
        self._resident: list[str] = []
        self._rests = False
        """Whether memory was given back since the last message."""
        self._settled_at = math.inf

    def run(self) -> None:
        """Work for ever."""
        threading.Thread(target=self._receive, daemon=True).start()
        self._codec.start()
        self._send(Hello())
        worked = False
        while True:
            if not worked:
                self._wait()
            while not self._inbox.empty():
                self._handle(self._inbox.get())
            if not self._scheduler.idle:
                self._codec.help_first_ones()
                self._codec.call_for_help()
            worked = self._scheduler.tick()
            if time.monotonic() > self._settled_at:
                self._machine.give_back()
                self._settled_at = math.inf

    def _wait(self) -> None:
        if self._warming.pending and self._scheduler.idle:
            if self._inbox.empty():
                self._warming.step()
                self._tell_resident()
            return
        resting, self._rests = self._rests, False
        timeout = _PATIENCE_S if self._scheduler.holds_back else None
        if self._scheduler.idle and not resting:
            timeout = _REST_S
        try:
            self._handle(self._inbox.get(timeout=timeout))
        except queue.Empty:
            if self._scheduler.idle:
                self._machine.give_back()
                self._rests = True
            else:
                self._scheduler.hand_over_what_waits()

    def _receive(self) -> None:
        while (body := pipe.read(self._source.read)) is not None:
            message = messages.TO_WORKER.decode(body)
            if isinstance(message, Load | Unload):
                self._voices.begin(message)
            else:
                self._inbox.put(message)
        os._exit(0)

    def _handle(self, message: ToWorker | Checked) -> None:
        match message:
            case Checked():
                self._voices.load(message)
            case Unload():
                self._voices.unload(message)
                self._tell_resident()
            case Begin():
                self._begin(message)
            case Feed() | Flush() | End() | Cancel() | Taken():
                self._utterance(message)

    def _begin(self, begin: Begin) -> None:
        machine, voice = self._machine, begin.voice
        self._warming.pause()
        key: LaneKey = ()
        try:
            taken = machine.files.take(voice, begin.blend)
            key = taken.adapters
            self._tell_resident()
            wanted = specs.Wanted(
                voice=voice,
                language=voice_check.language_of(voice, begin.language, machine.manifest),
                seed=begin.seed,
                instructions=begin.instructions,
                vector=taken.vector,
                clip=taken.clip,
                streaming_text=taken.streaming_text,
                greedy=voice.sampling.temperature == 0,
                given=specs.given(begin.continue_codes or []),
            )
            spec = specs.make(wanted, key, machine.manifest, machine.table, machine.model.tokenize)
            specs.check_room(spec, machine.talker.positions)
            prosody = voice.prosody.styled(begin.emotion)
            output = Output(prosody.gain, prosody.speed * begin.speed)
            stream = Stream(begin.number, spec, machine.talker.open(key), output.speed)
        except TimbreError as error:
            machine.adapters.give_back(key)
            self._send(Failed(begin.number, str(error), error.field if isinstance(error, TooLarge) else ""))
            return
        primed = None if taken.clip is None else machine.references.primed(taken.clip, self._codec.put)
        channel = self._codec.channel(begin.number, primed, output, return_codes=begin.return_codes)
        self._scheduler.join(stream, channel)
        self._settled_at = time.monotonic() + _SETTLED_S

    def _utterance(self, message: Feed | Flush | End | Cancel | Taken) -> None:
        stream = self._scheduler.stream(message.number)
        if stream is None:
            return
        match message:
            case Feed(text=text):
                stream.feed(text)
            case Flush():
                stream.flush()
            case End():
                stream.end()
            case Cancel():
                stream.cancelled = True
            case Taken(samples=samples):
                stream.took(samples)

    def _left(self, stream: Stream) -> None:
        self._machine.adapters.give_back(stream.spec.adapters)
        self._tell_resident()

    def _failed(self, stream: Stream, error: EngineUnavailable) -> None:
        self._send(Failed(stream.number, str(error)))

    def _tell_resident(self) -> None:
        resident = sorted(digest.removeprefix("sha256:") for digest in self._machine.adapters.resident())
        if resident != self._resident:
            self._resident = resident
            self._send(Resident(resident))

    def _give(self, number: int, events: list[Event]) -> None:
        """The codec's thread has made events."""
        for event in events:
            self._send(_message(number, event))

    def _send(self, message: FromWorker) -> None:
        with self._sending:
            self._sink.write(pipe.encode(message))
            self._sink.flush()


def _share_processors(machine: Machine) -> bool:
    return machine.predictor.threads + machine.codec.threads > cpus.available()


def _message(number: int, event: Event) -> FromWorker:
    match event:
        case Audio(pcm=pcm):
            return Pcm(number, pcm)
        case Mark(text=text, start_ms=start, end_ms=end):
            return Marked(number, text, start, end)
        case CodesMade(first_frame=first, codes=codes):
            return MadeCodes(number, first, codes)
        case Finished(samples=samples, reason=reason):
            return Ended(number, samples, str(reason))


def _die(error: BaseException) -> None:
    """The codec's thread has failed: the engine replaces the process."""
    if not isinstance(error, BrokenPipeError):
        logging.getLogger(__name__).error("the codec's thread failed", exc_info=error)
    os._exit(1)


def main() -> None:
    """The process. Signals to the whole group are the parent's business: it ends this one by closing the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logs.configure("info")
    memory.share_heap()
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not mix with the messages
    try:
        Worker(decode(sys.argv[1]), sys.stdin.buffer, sink).run()
    except BrokenPipeError:
        os._exit(0)  # the parent has gone
    except DigestMismatch as error:
        sink.write(pipe.encode(OtherModel(str(error))))
        sink.close()
        sys.exit(1)
    except TimbreError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
