"""Utterances without a process and without the codec: what commands and tests look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbre_common.documents import Voice
from timbre_common.errors import EngineUnavailable
from timbre_engine.qwen3tts import languages, specs, voice_check
from timbre_engine.qwen3tts.clip import Clip
from timbre_engine.qwen3tts.codec_jobs import Channel, Decode, Finish, Job
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.output import Output
from timbre_engine.qwen3tts.scheduler import Scheduler
from timbre_engine.qwen3tts.specs import Given
from timbre_engine.qwen3tts.stream import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for; the fields are those of `timbre-engine codes`. A `clip` takes the place of the voice's own."""

    voice: Voice
    text: str
    language: str = "auto"
    instructions: str | None = None
    clip: Clip | None = None
    streaming_text: bool | None = None
    greedy: bool = False
    seed: int = 0
    frames: int = 64
    given: tuple[Given, ...] = ()
    known: bool = False
    """Whether the machine knows the voice's files already; otherwise they are looked at first."""


class Offline:
    """Streams over a machine, stepped by the caller; one at a time over the same machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._streams: list[Stream] = []
        self._made: list[list[NDArray[np.int32]]] = []
        self._finished: set[int] = set()
        self._errors: dict[int, EngineUnavailable] = {}
        self._scheduler = Scheduler(
            machine.manifest,
            machine.talker,
            machine.predictor,
            self._put,
            machine.table,
            machine.model.tokenize,
            lambda stream: machine.adapters.give_back(stream.spec.adapters),
            self._failed,
        )

    def join(self, request: Request) -> int:
        """Begin an utterance whose text is whole; its number. Raises InvalidInput that names the field."""
        machine, number = self._machine, len(self._streams)
        stream = open_stream(machine, request, number)
        self._streams.append(stream)
        self._made.append([np.empty((0, machine.manifest.codec.codebooks), np.int32)])
        self._scheduler.join(stream, Channel(number, machine.codec.state(), Output(0.0, 1.0)))
        return number

    def tick(self) -> None:
        """One frame of each."""
        for stream in self._streams:
            stream.samples_ahead = 0  # nobody listens, so nobody is waited for
        self._scheduler.tick()

    def codes(self, number: int) -> NDArray[np.int32]:
        """What was made so far: [frames, codebooks]."""
        return np.concatenate(self._made[number])

    def finished(self, number: int) -> bool:
        """Whether it has ended. Raises EngineUnavailable where it broke off."""
        if number in self._errors:
            raise self._errors[number]
        return number in self._finished

    def stop(self, number: int) -> None:
        """End it at the next tick."""
        self._streams[number].cancelled = True

    def _failed(self, stream: Stream, error: EngineUnavailable) -> None:
        self._errors[stream.number] = error

    def _put(self, job: Job) -> None:
        if isinstance(job, Decode):
            self._made[job.channel.number].append(job.codes)
        elif isinstance(job, Finish):
            self._finished.add(job.channel.number)


def open_stream(machine: Machine, request: Request, number: int = 0) -> Stream:
    """The stream of an utterance whose text is whole. Raises InvalidInput that names the field.

    Its sequence and its adapters are the caller's to give back.
    """
    voice = request.voice
    voice_check.check_voice(voice, machine.manifest)
    if not request.known:
        machine.files.know(voice, machine.files.check(voice))
    taken = machine.files.take(voice)
    clip = request.clip or taken.clip
    wanted = specs.Wanted(
        voice=voice,
        language=_language(request.language, machine.manifest.languages),
        seed=request.seed,
        instructions=request.instructions,
        vector=taken.vector if clip is None else clip.x_vector,
        clip=clip,
        streaming_text=taken.streaming_text if request.streaming_text is None else request.streaming_text,
        greedy=request.greedy,
        given=request.given,
    )
    spec = specs.make(wanted, taken.adapters, machine.manifest, machine.table, machine.model.tokenize)
    stream = Stream(number, spec, machine.talker.open(taken.adapters))
    stream.feed(request.text)
    stream.end()
    return stream


def _language(language: str, known: Mapping[str, int]) -> str | None:
    if language == "auto":
        return None
    return language if language in known else languages.resolve(language, known)


def codes_of(machine: Machine, request: Request) -> NDArray[np.int32]:
    """The codes of a text alone: [frames, codebooks]. Raises InvalidInput that names the field."""
    return codes_of_all(machine, [request])[0]


def codes_of_all(
    machine: Machine, requests: Sequence[Request], tell: Callable[[int], object] = lambda _: None
) -> list[NDArray[np.int32]]:
    """The same for texts side by side, no more than the machine has slots; `tell` is given the number of new frames."""
    offline = Offline(machine)
    going = {offline.join(request): request.frames for request in requests}
    counted = dict.fromkeys(going, 0)
    while going:
        offline.tick()
        for number, frames in list(going.items()):
            made = min(len(offline.codes(number)), frames)
            tell(made - counted[number])
            counted[number] = made
            if made == frames:
                offline.stop(number)
            if offline.finished(number):
                del going[number]
    return [offline.codes(number)[: request.frames] for number, request in enumerate(requests)]
